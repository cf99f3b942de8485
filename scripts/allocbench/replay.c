//go:build ignore

/*
 * Replays a trace on the malloc of this process: the C library's, or the one that
 * LD_PRELOAD names. cc builds it; the go command leaves it alone.
 *
 * It reads one command a line from its input and answers each with one line:
 *
 *   load OPS IDS PEAK FILE   maps FILE, an array of struct op: OPS that are timed and then
 *                            the frees of what they leave. Ids are below IDS; after operation
 *                            PEAK most bytes are in use.     answers 1
 *   raise                    glibc: raises the thresholds for trimming and for mmap.
 *                                                            answers 1, or 0 where it can't
 *   pass                     replays all        answers NANOSECONDS ALLOCS RESIZES FREES BYTES
 *   loop                     the same without the calls to malloc            answers the same
 *   foot                     replays and fills every block; answers by how many bytes the
 *                            anonymous memory of this process grew at its peak
 *   holes N                  makes N blocks of 32 bytes with N holes of 32 between them: 1
 *   low N, none N, churn N   N pairs of alloc and free beside these holes: nanoseconds
 *   spin N                   what of churn is finding the block: nanoseconds
 *
 * Its own tables come from mmap, so that malloc serves the trace alone. What can't be
 * done ends it, with a line to its standard error.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { ALLOC, RESIZE, FREE };

/* op is an operation: (id << 2 | kind) and a size in bytes. */
struct op { uint32_t what, size; };

/* tally is what was done: it must be the same wherever a trace is replayed. */
struct tally { uint64_t allocs, resizes, frees, bytes; };

static const struct op *ops; /* what the trace did, then frees of what it left */
static size_t timed, total, peak;
static void **table; /* the blocks by id */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		die("replay: mmap");
	return p;
}

/* now is the processor time of this process so far. */
static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void load(const char *file, size_t n, size_t ids, size_t at)
{
	int fd = open(file, O_RDONLY);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (size < 0)
		die(file);
	void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		die(file);
	close(fd);
	ops = p;
	timed = n;
	total = (size_t)size / sizeof *ops;
	peak = at;
	table = map((ids + 1) * sizeof *table);
}

static int raise_thresholds(void)
{
#ifdef __GLIBC__
	/* the second is glibc's upper limit; a request above it is a mapping of its own */
	return mallopt(M_TRIM_THRESHOLD, 1 << 30) && mallopt(M_MMAP_THRESHOLD, 32 << 20);
#else
	return 0;
#endif
}

/* play replays the operations; the first byte of each block is touched. */
__attribute__((noinline)) static void play(const struct op *op, const struct op *end, struct tally *sum)
{
	struct tally t = *sum;
	for (; op < end; op++) {
		void **block = &table[op->what >> 2];
		uint32_t kind = op->what & 3;
		if (kind == FREE) {
			free(*block);
			t.frees++;
			continue;
		}
		char *p;
		if (kind == ALLOC) {
			p = malloc(op->size);
			t.allocs++;
		} else {
			p = realloc(*block, op->size);
			t.resizes++;
		}
		if (p == NULL)
			die("replay: malloc");
		*p = 1;
		*block = p;
		t.bytes += op->size;
	}
	*sum = t;
}

/* walk is play without the calls to malloc and without the blocks. */
__attribute__((noinline)) static void walk(const struct op *op, const struct op *end, struct tally *sum)
{
	struct tally t = *sum;
	for (; op < end; op++) {
		void **block = &table[op->what >> 2];
		uint32_t kind = op->what & 3;
		if (kind == FREE) {
			__asm__ volatile("" : : "r"(*block));
			t.frees++;
			continue;
		}
		char *p;
		if (kind == ALLOC) {
			p = (char *)(uintptr_t)op->size;
			t.allocs++;
		} else {
			p = (char *)*block + 1;
			t.resizes++;
		}
		*block = p;
		t.bytes += op->size;
	}
	*sum = t;
}

static void pass(void (*replay)(const struct op *, const struct op *, struct tally *))
{
	struct tally t = {0};
	uint64_t start = now();
	replay(ops, ops + timed, &t);
	uint64_t took = now() - start;
	replay(ops + timed, ops + total, &t);
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", took, t.allocs, t.resizes, t.frees, t.bytes);
}

/* anonymous is how many bytes of this process's memory, but for files, are resident. */
static uint64_t anonymous(void)
{
	static char text[4096];
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n < 0)
		die("/proc/self/smaps_rollup");
	close(fd);
	text[n] = 0;
	const char *line = strstr(text, "\nAnonymous:");
	if (line == NULL)
		die("/proc/self/smaps_rollup: Anonymous");
	return strtoull(line + strlen("\nAnonymous:"), NULL, 10) * 1024;
}

/* foot looks a thousand times on the way, and where most bytes are in use. */
static uint64_t foot(void)
{
	uint64_t before = anonymous(), most = before;
	struct tally t = {0};
	for (size_t i = 0; i < timed; i++) {
		play(ops + i, ops + i + 1, &t);
		if ((ops[i].what & 3) != FREE)
			memset(table[ops[i].what >> 2], 1, ops[i].size);
		if (i == peak || i % (timed / 1000 + 1) == 0) {
			uint64_t is = anonymous();
			if (is > most)
				most = is;
		}
	}
	play(ops + timed, ops + total, &t);
	return most - before;
}

static size_t live; /* blocks beside the holes; table has them */

static void *block(size_t n)
{
	char *p = malloc(n);
	if (p == NULL)
		die("replay: malloc");
	*p = 1;
	return p;
}

static void holes(size_t n)
{
	void **between = map((n + 1) * sizeof *between);
	table = map((n + 1) * sizeof *table);
	live = n;
	for (size_t i = 0; i < n; i++) {
		between[i] = block(32);
		table[i] = block(32);
	}
	for (size_t i = 0; i < n; i++)
		free(between[i]);
	munmap(between, (n + 1) * sizeof *between);
}

static uint64_t pairs(size_t n, size_t size)
{
	uint64_t start = now();
	for (size_t i = 0; i < n; i++)
		free(block(size));
	return now() - start;
}

static uint64_t state = 88172645463325252; /* of the random numbers */

/* pick is a random number below live: xorshift, and the high half of a product. */
static size_t pick(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(((state >> 32) * live) >> 32);
}

static uint64_t churn(size_t n)
{
	uint64_t start = now();
	for (size_t i = 0; i < n; i++) {
		size_t at = pick();
		free(table[at]);
		table[at] = block(32);
	}
	return now() - start;
}

static uint64_t spin(size_t n)
{
	uint64_t start = now();
	for (size_t i = 0; i < n; i++)
		__asm__ volatile("" : : "r"(table[pick()])); /* loads it */
	return now() - start;
}

int main(void)
{
	static char in[8192], out[8192];
	setvbuf(stdin, in, _IOFBF, sizeof in);
	setvbuf(stdout, out, _IOLBF, sizeof out);
	static char line[5000], file[4096];
	size_t n, ids, at;
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "load %zu %zu %zu %4095[^\n]", &n, &ids, &at, file) == 4) {
			load(file, n, ids, at);
			puts("1");
		} else if (strcmp(line, "raise\n") == 0)
			printf("%d\n", raise_thresholds());
		else if (strcmp(line, "pass\n") == 0)
			pass(play);
		else if (strcmp(line, "loop\n") == 0)
			pass(walk);
		else if (strcmp(line, "foot\n") == 0)
			printf("%" PRIu64 "\n", foot());
		else if (sscanf(line, "holes %zu", &n) == 1) {
			holes(n);
			puts("1");
		} else if (sscanf(line, "low %zu", &n) == 1)
			printf("%" PRIu64 "\n", pairs(n, 32));
		else if (sscanf(line, "none %zu", &n) == 1)
			printf("%" PRIu64 "\n", pairs(n, 48));
		else if (sscanf(line, "churn %zu", &n) == 1)
			printf("%" PRIu64 "\n", churn(n));
		else if (sscanf(line, "spin %zu", &n) == 1)
			printf("%" PRIu64 "\n", spin(n));
		else {
			fprintf(stderr, "replay: no such command: %s", line);
			return 1;
		}
	}
	return 0;
}
