/* Reads of an ELF file what can be known without loading it. Pure: bytes in memory, no trust in any of them. */
#ifndef PLUGIN_ELF_H
#define PLUGIN_ELF_H

#include <stdbool.h>
#include <stddef.h>

enum { ELF_BUILD_ID_SIZE = 65 };

/* What a file that the loader would take says about itself. `unique_symbol` points into the bytes. */
struct elf_facts {
    const char *unique_symbol;        /* the first defined symbol of the binding STB_GNU_UNIQUE, or NULL */
    bool is_nodelete;                 /* linked with -z nodelete: dlclose won't unmap it */
    bool uses_origin;                 /* looks for its libraries beside its own file ($ORIGIN) */
    char build_id[ELF_BUILD_ID_SIZE]; /* of its note, in hexadecimal; empty: it has none */
};

/* Whether the bytes are a whole ELF shared object for this machine. False: `why` says what they are instead, to be read
 * after "PATH: "; `facts` is untouched. */
bool elf_examine(const void *bytes, size_t size, struct elf_facts *facts, char *why, size_t why_size);

/* Calls `visit` with the name of each defined symbol of the dynamic symbol table, until it answers false. The bytes are
 * some that elf_examine accepted. */
void elf_each_symbol(const void *bytes, size_t size, bool (*visit)(const char *name, void *data), void *data);

#endif
