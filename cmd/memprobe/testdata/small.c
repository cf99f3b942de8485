// A program of 32 bits without a library, with a chain of pointers; it waits for ever.
static void *chain[2];
static int last;

void _start(void) {
	chain[0] = &chain[1];
	chain[1] = &last;
	for (;;)
		__asm__ volatile("int $0x80" : : "a"(29)); // pause
}
