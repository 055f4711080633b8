/*
 * The walk of a list in C: without protection, and under liburcu's memb
 * flavour. The loops are those of the Rust contenders.
 */

/* Inlines liburcu's read side, which its licence permits for functions this short. */
#define _LGPL_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <urcu/urcu-memb.h>

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

#define RCU(look)								\
	static inline uint32_t rcu_##look(struct table *const *current,		\
					  const struct filter *filter, size_t node) \
	{									\
		uint32_t found;							\
										\
		urcu_memb_read_lock();						\
		found = look(rcu_dereference(*current), filter, node);		\
		urcu_memb_read_unlock();					\
		return found;							\
	}

RAW(first)
RAW(all)
RCU(first)
RCU(all)

/* Makes the next read reload the values that the previous read had in registers. */
#define COMPILER_BARRIER() __asm__ __volatile__("" : : : "memory")

#define LOOPS(how)								\
	uint32_t zonelist_##how##_independent(struct table *const *current,	\
		const struct filter *filter, const uint16_t *nodes, size_t count) \
	{									\
		uint32_t sum = 0;						\
										\
		for (size_t i = 0; i < count; i++) {				\
			COMPILER_BARRIER();					\
			sum += how##_first(current, filter, nodes[i]);		\
		}								\
		return sum;							\
	}									\
	uint32_t zonelist_##how##_dependent(struct table *const *current,	\
		const struct filter *filter, const uint16_t *nodes, size_t count, size_t none) \
	{									\
		uint32_t word = 0;						\
										\
		for (size_t i = 0; i < count; i++) {				\
			COMPILER_BARRIER();					\
			word = how##_first(current, filter, nodes[i ^ (word & none)]); \
		}								\
		return word;							\
	}									\
	uint32_t zonelist_##how##_full(struct table *const *current,		\
		const struct filter *filter, const uint16_t *nodes, size_t count) \
	{									\
		uint32_t sum = 0;						\
										\
		for (size_t i = 0; i < count; i++) {				\
			COMPILER_BARRIER();					\
			sum += how##_all(current, filter, nodes[i]);		\
		}								\
		return sum;							\
	}

LOOPS(raw)
LOOPS(rcu)

/* A thread registers once before its first read, and unregisters before it ends. */
void zonelist_rcu_register(void)
{
	urcu_memb_register_thread();
}

void zonelist_rcu_unregister(void)
{
	urcu_memb_unregister_thread();
}
