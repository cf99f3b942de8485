// A process to look at: its addresses are printed, then it waits for its input to end.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int counter = 42;
char room[3000];
const char greeting[] = "good day";
__thread int alone[4] = {7, 8}; // each thread has a copy
char text[] = "eight letters and more";
void *cut; // leads to a word whose end can't be read
void *first[4]; // a chain: itself, a block of the heap, a variable of main, first again

static void *other(void *unused) {
	char buf[512];
	printf("tid %lx\nbuf %p\nalone %p\n", syscall(SYS_gettid), (void *)buf, (void *)alone);
	printf("end 0\n");
	fflush(stdout);
	pause();
	return unused;
}

int main(int argc, char **argv) {
	void **block = malloc(100);
	void *local = first;
	char *pages = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pages[5 * 4096] = 1;
	if (mprotect(pages + 64 * 4096, 4096, PROT_NONE) != 0)
		return 1;
	cut = pages + 64 * 4096 - 4;
	first[0] = &first[1];
	first[1] = block;
	block[0] = &local;
	printf("argv %p\nargument %p\ntext %p\n", (void *)argv, (void *)argv[argc - 1], text);
	printf("cut %p\ncounter %p\nroom %p\ngreeting %p\nfirst %p\nmain %p\nblock %p\nlocal %p\npages %p\nprintf %p\n", (void *)&cut, (void *)&counter, room, greeting,
	       (void *)first, (void *)main, (void *)block, (void *)&local, pages, (void *)printf);
	pthread_t thread;
	if (pthread_create(&thread, 0, other, 0) != 0)
		return 1;
	while (getchar() != EOF)
		;
	return 0;
}
