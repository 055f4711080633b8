/*
 * The walk of a list in C: without protection, and under three flavours of
 * liburcu. The loops are those of the Rust contenders.
 */

/* Inlines liburcu's read side, which its licence permits for functions this short. */
#define _LGPL_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <urcu/urcu-bp.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

/* The layout of the Rust type `Slots`; the last word is empty. */
struct table {
	const uint32_t *words;
	size_t nodes;
	size_t stride;
	size_t own;
	size_t end;
};

struct filter {
	uint32_t limit;
	size_t own;
	/* A bit for each admitted node; NULL admits every node. */
	const uint64_t *nodes;
	uint32_t kinds;
};

/* Returns the next entry that the filter admits, or 0 at the end of the list. */
static inline uint32_t next(const uint32_t **at, const struct filter *filter)
{
	for (;;) {
		uint32_t word = __atomic_load_n(*at, __ATOMIC_RELAXED);
		int eligible = word - 1 < filter->limit;

		if (!eligible && !word)
			return 0;
		(*at)++;
		if (!eligible)
			continue;
		if (filter->nodes) {
			uint32_t node = (word & 0xffff) / filter->kinds;

			if (!(filter->nodes[node / 64] >> node % 64 & 1))
				continue;
		}
		return word;
	}
}

static inline const uint32_t *head(const struct table *table, const struct filter *filter, size_t node)
{
	return table->words + (node < table->nodes ? node * table->stride + (table->own & filter->own) : table->end);
}

static inline uint32_t first(const struct table *table, const struct filter *filter, size_t node)
{
	const uint32_t *at = head(table, filter, node);

	return next(&at, filter);
}

static inline uint32_t all(const struct table *table, const struct filter *filter, size_t node)
{
	const uint32_t *at = head(table, filter, node);
	uint32_t sum = 0, word;

	while ((word = next(&at, filter)))
		sum += word;
	return sum;
}

#define RAW(look)								\
	static inline uint32_t raw_##look(struct table *const *current,		\
					  const struct filter *filter, size_t node) \
	{									\
		return look(*current, filter, node);				\
	}

#define RCU(flavour, look)							\
	static inline uint32_t flavour##_##look(struct table *const *current,	\
						const struct filter *filter, size_t node) \
	{									\
		uint32_t found;							\
										\
		urcu_##flavour##_read_lock();					\
		found = look(rcu_dereference(*current), filter, node);		\
		urcu_##flavour##_read_unlock();					\
		return found;							\
	}

static void nothing(void)
{
}

/* Only a thread of qsbr is online or offline. It is online during a loop, or a read by `lock` and `unlock`. */
#define raw_online()
#define raw_offline()
#define memb_online()
#define memb_offline()
#define bp_online()
#define bp_offline()
#define qsbr_online() urcu_qsbr_thread_online()
#define qsbr_offline() urcu_qsbr_thread_offline()

/* Makes the next read reload the values that the previous read had in registers. */
#define COMPILER_BARRIER() __asm__ __volatile__("" : : : "memory")

#define LOOPS(how)								\
	static uint32_t how##_independent(struct table *const *current,	\
		const struct filter *filter, const uint16_t *nodes, size_t count) \
	{									\
		uint32_t sum = 0;						\
										\
		how##_online();							\
		for (size_t i = 0; i < count; i++) {				\
			COMPILER_BARRIER();					\
			sum += how##_first(current, filter, nodes[i]);		\
		}								\
		how##_offline();						\
		return sum;							\
	}									\
	static uint32_t how##_dependent(struct table *const *current,	\
		const struct filter *filter, const uint16_t *nodes, size_t count, size_t none) \
	{									\
		uint32_t word = 0;						\
										\
		how##_online();							\
		for (size_t i = 0; i < count; i++) {				\
			COMPILER_BARRIER();					\
			word = how##_first(current, filter, nodes[i ^ (word & none)]); \
		}								\
		how##_offline();						\
		return word;							\
	}									\
	static uint32_t how##_full(struct table *const *current,		\
		const struct filter *filter, const uint16_t *nodes, size_t count) \
	{									\
		uint32_t sum = 0;						\
										\
		how##_online();							\
		for (size_t i = 0; i < count; i++) {				\
			COMPILER_BARRIER();					\
			sum += how##_all(current, filter, nodes[i]);		\
		}								\
		how##_offline();						\
		return sum;							\
	}

/* What the Rust side calls of a flavour. */
struct functions {
	uint32_t (*independent)(struct table *const *current, const struct filter *filter,
				const uint16_t *nodes, size_t count);
	uint32_t (*dependent)(struct table *const *current, const struct filter *filter,
			      const uint16_t *nodes, size_t count, size_t none);
	uint32_t (*full)(struct table *const *current, const struct filter *filter,
			 const uint16_t *nodes, size_t count);
	/* A thread registers once before its first read, and unregisters before it ends. */
	void (*register_thread)(void);
	void (*unregister_thread)(void);
	void (*lock)(void);
	void (*unlock)(void);
	void (*synchronize)(void);
};

#define FLAVOUR(flavour)							\
	RCU(flavour, first)							\
	RCU(flavour, all)							\
	LOOPS(flavour)								\
										\
	static void flavour##_register(void)					\
	{									\
		urcu_##flavour##_register_thread();				\
		flavour##_offline();						\
	}									\
	static void flavour##_unregister(void)					\
	{									\
		urcu_##flavour##_unregister_thread();				\
	}									\
	static void flavour##_lock(void)					\
	{									\
		flavour##_online();						\
		urcu_##flavour##_read_lock();					\
	}									\
	static void flavour##_unlock(void)					\
	{									\
		urcu_##flavour##_read_unlock();					\
		flavour##_offline();						\
	}									\
	static void flavour##_synchronize(void)					\
	{									\
		urcu_##flavour##_synchronize_rcu();				\
	}									\
	const struct functions zonelist_##flavour = {				\
		flavour##_independent, flavour##_dependent, flavour##_full,	\
		flavour##_register, flavour##_unregister,			\
		flavour##_lock, flavour##_unlock, flavour##_synchronize,	\
	};

RAW(first)
RAW(all)
LOOPS(raw)
const struct functions zonelist_raw = {
	raw_independent, raw_dependent, raw_full, nothing, nothing, nothing, nothing, nothing,
};

FLAVOUR(memb)
FLAVOUR(qsbr)
FLAVOUR(bp)
