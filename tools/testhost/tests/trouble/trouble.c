// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does one wrong thing when it is inserted, named by the
 * parameter "kind": the test host must notice. For a debug kernel.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *kind = "";
module_param(kind, charp, 0);

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

/* Never at the same time: only lockdep sees that it could be */
static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void use_after_free(void)
{
	u8 *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	WRITE_ONCE(*p, 1);
}

static void list_corruption(void)
{
	LIST_HEAD(head);
	struct list_head a;

	list_add(&a, &head);
	list_del(&a);
	list_del(&a);
}

static void leak(void)
{
	int i;

	/* some pointer may be left somewhere: kmemleak need not find all */
	for (i = 0; i < 100; i++)
		if (!kmalloc(1000, GFP_KERNEL))
			return;
}

static int __init trouble_init(void)
{
	static const struct {
		const char *kind;
		void (*make)(void);
	} troubles[] = {
		{ "lock_order",		lock_order },
		{ "sleep_in_atomic",	sleep_in_atomic },
		{ "use_after_free",	use_after_free },
		{ "list_corruption",	list_corruption },
		{ "leak",		leak },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(troubles); i++) {
		if (!strcmp(kind, troubles[i].kind)) {
			troubles[i].make();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit trouble_exit(void)
{
}

module_init(trouble_init);
module_exit(trouble_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("makes the trouble that a test host must notice");
