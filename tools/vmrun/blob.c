// SPDX-License-Identifier: GPL-2.0-only
/* Files are mapped, so that what is not used of them is never read. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob.h"
#include "report.h"

void blob_open(struct blob *blob, const char *what, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die_host(errno == ENOENT ? "check the path" : NULL,
			 "opening the %s %s", what, path);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		die(EXIT_IMAGE, "the %s %s is %s", what, path,
		    S_ISREG(st.st_mode) ? "empty" : "not a regular file");
	blob->path = path;
	blob->size = (size_t)st.st_size;
	blob->data = mmap(NULL, blob->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (blob->data == MAP_FAILED)
		die_host(NULL, "mapping the %s %s", what, path);
	close(fd);
}

void blob_close(struct blob *blob)
{
	munmap((void *)blob->data, blob->size);
	blob->data = NULL;
}
