/* The numbers that do not change, out of a file, as one constant; see `made`. */
#if defined __APPLE__
#define SECTION ".section __TEXT,__const"
#define NAME "_rtm_data"
#elif defined _WIN32
#define SECTION ".section .rdata,\"dr\""
#define NAME "rtm_data"
#else
#define SECTION ".section .rodata"
#define NAME "rtm_data"
#endif

__asm__(SECTION "\n.balign 64\n.globl " NAME "\n" NAME ":\n.incbin \"" RTM_DATA "\"\n.text\n");

extern const int rtm_data_is_elsewhere; /* C knows no empty file */
