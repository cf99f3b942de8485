/*
 * Threads on stacks of every sort. Prints "name:lo address" and "name:hi address", what the C library says of a stack's
 * ends, and "name address" of a local variable; then waits for its standard input to end.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define K 1024L
#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL, Linux 6.13 */

static char in_bss[512 * K] __attribute__((aligned(4096)));
static sem_t ready;

static void *worker(void *name) {
    int local = 0;
    pthread_attr_t attr;
    void *lo;
    size_t n;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &lo, &n);
    pthread_setname_np(pthread_self(), name);
    if (*(char *)name == '+') { /* a guard of its own inside, as Java's machine makes it */
        mprotect(lo, 16 * K, PROT_NONE);
        lo = (char *)lo + 16 * K;
        n -= 16 * K;
    }
    flockfile(stdout);
    printf("%s:lo %lx\n%s:hi %lx\n%s %lx\n", (char *)name, (long)lo, (char *)name, (long)lo + n, (char *)name, (long)&local);
    funlockfile(stdout);
    sem_post(&ready);
    while (pause()) {}
    return 0;
}

/* A thread whose stack is at, or where that is 0 one that the C library maps. */
static void spawn(const char *name, void *at, size_t size, size_t guard) {
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    if (at) pthread_attr_setstack(&attr, at, size);
    else pthread_attr_setstacksize(&attr, size);
    pthread_attr_setguardsize(&attr, guard);
    if (pthread_create(&t, &attr, worker, (void *)name)) exit(1);
    sem_wait(&ready);
}

static int raw(void *unused) {
    while (syscall(SYS_pause)) {}
    return !unused;
}

/* A thread that the C library knows nothing of. */
static void spawn_raw(const char *name, char *top) {
    clone(raw, top, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0);
    printf("%s %lx\n", name, (long)top - 8);
}

/* n bytes above as many that nobody may touch. */
static char *above_reserve(size_t n) {
    char *at = mmap(0, 2 * n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at + n, n, PROT_READ | PROT_WRITE)) exit(1);
    return at + n;
}

static char *map(size_t n, int flags) {
    char *at = mmap(0, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) exit(1);
    return at;
}

int main(void) {
    mallopt(M_ARENA_MAX, 1); /* else threads have a reserve of 64 MiB each, and a stack may lie right above one, as above a guard */
    sem_init(&ready, 0, 0);
    spawn("bare1", 0, 128 * K, 0);
    spawn("bare2", 0, 128 * K, 0);
    spawn("bare3", 0, 128 * K, 0);
    spawn("odd", 0, 200 * K + 123, 100);
    spawn("odd_bare", 0, 100000, 0);
    spawn("+inside", 0, 256 * K, 0);
    spawn("brk", malloc(100 * K), 100 * K, 0);
    spawn("bss", in_bss, sizeof in_bss, 0);
    spawn("shared", map(512 * K, MAP_SHARED), 512 * K, 0);

    char *arena = above_reserve(4096 * K);
    spawn("arena", arena + 2048 * K + 16, 512 * K, 0);
    char *both = above_reserve(1024 * K);
    spawn("beside", both, 512 * K, 0);
    spawn_raw("raw_beside", both + 1024 * K);
    spawn_raw("raw_alone", above_reserve(1024 * K) + 512 * K);

    char *marked = map(512 * K, MAP_PRIVATE);
    if (!madvise(marked, 8 * K, GUARD_INSTALL)) spawn("marked", marked, 512 * K, 0);
    printf("arena:data %lx\nend 0\n", (long)arena);
    fflush(stdout);
    while (getchar() != EOF) {}
    exit(0);
}
