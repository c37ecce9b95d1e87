/* Has a unique symbol, as templates of C++ make them. */
#include <graftmq/plugin.h>

/* What g++ writes for a variable of a template; the assembler does so without a template. */
__asm__(".pushsection .data\n"
        ".globl unique_counter\n"
        ".type unique_counter, %gnu_unique_object\n"
        ".size unique_counter, 4\n"
        "unique_counter: .long 7\n"
        ".popsection\n");

GMQ_PLUGIN("unique", "1.0.0");
