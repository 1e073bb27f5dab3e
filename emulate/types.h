/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few names that emulate/ takes from its surroundings.
 *
 * The same sources build into the module and into a user-space library, so
 * nothing else in this folder includes a header that is not its own.
 */
#ifndef EMULATE_TYPES_H
#define EMULATE_TYPES_H

#ifdef __KERNEL__

#include <linux/types.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>

#else /* user space */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define fallthrough	__attribute__((__fallthrough__))
#ifndef __always_inline
#define __always_inline	inline __attribute__((__always_inline__))
#endif
#define noinline	__attribute__((__noinline__))
/* The compiler knows nothing about the value any more */
#define OPTIMIZER_HIDE_VAR(v)	asm("" : "=r" (v) : "0" (v))
#define BIT(n)		(1UL << (n))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#ifndef container_of
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#endif

/* The same members twice: by themselves and as struct @tag_ @name_ */
#define struct_group_tagged(tag_, name_, ...) \
	union { struct { __VA_ARGS__ }; struct tag_ { __VA_ARGS__ } name_; }

#endif /* __KERNEL__ */

#endif /* EMULATE_TYPES_H */
