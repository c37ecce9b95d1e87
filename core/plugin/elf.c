/* A reader of ELF shared objects: header, segments, and the dynamic symbol table found as the loader finds it (through
 * the dynamic segment; section headers may be stripped). Every offset is compared with the file's size before it is
 * used. */
#include "plugin/elf.h"

#include <elf.h>
#include <endian.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#define ELF_OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define ELF_OWN_MACHINE EM_AARCH64
#elif defined(__riscv)
#define ELF_OWN_MACHINE EM_RISCV
#elif defined(__i386__)
#define ELF_OWN_MACHINE EM_386
#elif defined(__arm__)
#define ELF_OWN_MACHINE EM_ARM
#elif defined(__powerpc64__)
#define ELF_OWN_MACHINE EM_PPC64
#elif defined(__s390x__)
#define ELF_OWN_MACHINE EM_S390
#else
#error "name this machine's ELF number here"
#endif

#define ELF_OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define ELF_OWN_DATA (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)

static const struct {
    uint16_t number;
    const char *name;
} machines[] = {
    {EM_386, "i386"},    {EM_X86_64, "x86-64"},   {EM_ARM, "arm"},     {EM_AARCH64, "aarch64"},
    {EM_RISCV, "riscv"}, {EM_PPC, "ppc"},         {EM_PPC64, "ppc64"}, {EM_S390, "s390x"},
    {EM_MIPS, "mips"},   {EM_SPARCV9, "sparc64"}, {EM_IA_64, "ia64"},  {EM_LOONGARCH, "loongarch"},
};

/* The file, and what the dynamic segment says, as offsets in the file; 0 where it says nothing. */
struct image {
    const uint8_t *bytes;
    size_t size;
    ElfW(Ehdr) header;
    uint64_t symbols;
    uint64_t strings;
    uint64_t strings_size;
    uint64_t hash;
    uint64_t gnu_hash;
    uint64_t run_path; /* offset in the strings */
    uint64_t flags;    /* DT_FLAGS_1 */
};

static bool image_has(const struct image *image, uint64_t offset, uint64_t length)
{
    return offset <= image->size && length <= image->size - offset;
}

/* Copies `length` bytes at `offset`: nothing in a file can be trusted to be aligned. */
static bool image_read(const struct image *image, uint64_t offset, void *value, size_t length)
{
    if (!image_has(image, offset, length))
        return false;
    memcpy(value, image->bytes + offset, length);
    return true;
}

static bool image_segment(const struct image *image, size_t index, ElfW(Phdr) * segment)
{
    return image_read(image, image->header.e_phoff + index * sizeof(*segment), segment, sizeof(*segment));
}

/* Where in the file the byte of an address is; 0 if nowhere. */
static uint64_t image_offset(const struct image *image, uint64_t address)
{
    ElfW(Phdr) segment;
    for (size_t i = 0; i < image->header.e_phnum && image_segment(image, i, &segment); i++) {
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
            return address - segment.p_vaddr + segment.p_offset;
    }
    return 0;
}

/* A zero-terminated string of the dynamic string table that ends within it, or NULL. */
static const char *image_string(const struct image *image, uint64_t offset)
{
    if (image->strings == 0 || offset >= image->strings_size || !image_has(image, image->strings, image->strings_size))
        return NULL;
    const char *string = (const char *)image->bytes + image->strings + offset;
    return memchr(string, '\0', (size_t)(image->strings_size - offset)) != NULL ? string : NULL;
}

static void dynamic_entry_read(struct image *image, const ElfW(Dyn) * entry)
{
    switch (entry->d_tag) {
    case DT_SYMTAB:
        image->symbols = image_offset(image, entry->d_un.d_ptr);
        break;
    case DT_STRTAB:
        image->strings = image_offset(image, entry->d_un.d_ptr);
        break;
    case DT_STRSZ:
        image->strings_size = entry->d_un.d_val;
        break;
    case DT_HASH:
        image->hash = image_offset(image, entry->d_un.d_ptr);
        break;
    case DT_GNU_HASH:
        image->gnu_hash = image_offset(image, entry->d_un.d_ptr);
        break;
    case DT_RPATH:
    case DT_RUNPATH:
        image->run_path = entry->d_un.d_val;
        break;
    case DT_FLAGS_1:
        image->flags = entry->d_un.d_val;
        break;
    default:
        break;
    }
}

/* False: there is no dynamic segment. */
static bool dynamic_read(struct image *image)
{
    ElfW(Phdr) segment;
    for (size_t i = 0; i < image->header.e_phnum && image_segment(image, i, &segment); i++) {
        if (segment.p_type != PT_DYNAMIC)
            continue;
        ElfW(Dyn) entry;
        for (uint64_t at = 0; at + sizeof(entry) <= segment.p_filesz; at += sizeof(entry)) {
            if (!image_read(image, segment.p_offset + at, &entry, sizeof(entry)) || entry.d_tag == DT_NULL)
                break;
            dynamic_entry_read(image, &entry);
        }
        return true;
    }
    return false;
}

static const char *machine_name(uint16_t number, char *text, size_t size)
{
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        if (machines[i].number == number)
            return machines[i].name;
    }
    snprintf(text, size, "machine number %u", number);
    return text;
}

static bool refuse_machine(uint16_t number, char *why, size_t why_size)
{
    char theirs[32], ours[32];
    snprintf(why, why_size, "it is built for %s, this broker is %s; rebuild it for this machine",
             machine_name(number, theirs, sizeof(theirs)), machine_name(ELF_OWN_MACHINE, ours, sizeof(ours)));
    return false;
}

static bool refuse(char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return false;
}

/* The machine is at the same place in both classes and is read in the file's own byte order, so that a file of any
 * machine can be named. */
static bool header_check(struct image *image, char *why, size_t why_size)
{
    const uint8_t *ident = image->bytes;
    if (image->size < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return refuse(why, why_size, "it is not an ELF shared object; name the plugin's compiled .so file");
    if (!image_read(image, 0, &image->header, sizeof(image->header)))
        return refuse(why, why_size, "it is truncated: its ELF header is not whole; copy or build it again");
    size_t at = offsetof(ElfW(Ehdr), e_machine);
    bool is_big = ident[EI_DATA] == ELFDATA2MSB;
    uint16_t machine = (uint16_t)(ident[at + (is_big ? 0 : 1)] << 8 | ident[at + (is_big ? 1 : 0)]);
    if (machine != ELF_OWN_MACHINE)
        return refuse_machine(machine, why, why_size);
    if (ident[EI_CLASS] != ELF_OWN_CLASS || ident[EI_DATA] != ELF_OWN_DATA)
        return refuse(why, why_size, "it is built for another word size or byte order; rebuild it for this machine");
    if (image->header.e_type != ET_DYN)
        return refuse(why, why_size,
                      image->header.e_type == ET_REL ? "it is an object file, not a shared object; link it with -shared"
                                                     : "it is not a shared object; build it with -shared -fPIC");
    return true;
}

static bool refuse_truncated(const struct image *image, const char *part, uint64_t end, char *why, size_t why_size)
{
    snprintf(why, why_size,
             "it is truncated: a %s ends at byte %llu, beyond the end of the file at %zu; "
             "copy or build it again",
             part, (unsigned long long)end, image->size);
    return false;
}

static bool segments_check(const struct image *image, char *why, size_t why_size)
{
    const ElfW(Ehdr) *header = &image->header;
    uint64_t table_size = (uint64_t)header->e_phnum * sizeof(ElfW(Phdr));
    if (header->e_phnum == 0 || header->e_phentsize != sizeof(ElfW(Phdr)))
        return refuse(why, why_size, "it is damaged: it has no program headers; build it again");
    if (!image_has(image, header->e_phoff, table_size))
        return refuse_truncated(image, "table of segments", header->e_phoff + table_size, why, why_size);
    ElfW(Phdr) segment;
    for (size_t i = 0; i < header->e_phnum && image_segment(image, i, &segment); i++) {
        if (segment.p_type != PT_NULL && !image_has(image, segment.p_offset, segment.p_filesz))
            return refuse_truncated(image, "segment", segment.p_offset + segment.p_filesz, why, why_size);
    }
    return true;
}

/* The loader needs no sections; but they end the file, so a missing one tells of a copy that is not whole. */
static bool sections_check(const struct image *image, char *why, size_t why_size)
{
    const ElfW(Ehdr) *header = &image->header;
    ElfW(Shdr) section;
    if (header->e_shoff == 0 || header->e_shentsize != sizeof(section))
        return true;
    for (size_t i = 0; i < header->e_shnum; i++) {
        uint64_t at = header->e_shoff + i * sizeof(section);
        if (!image_read(image, at, &section, sizeof(section)))
            return refuse_truncated(image, "table of sections", at + sizeof(section), why, why_size);
        if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
            !image_has(image, section.sh_offset, section.sh_size))
            return refuse_truncated(image, "section", section.sh_offset + section.sh_size, why, why_size);
    }
    return true;
}

/* The GNU hash table doesn't tell how many symbols there are: the last chain's last entry (its lowest bit is set) does.
 */
static uint64_t gnu_hash_symbol_count(const struct image *image)
{
    uint32_t head[4]; /* buckets, first symbol in a chain, words of the Bloom filter, shift */
    if (!image_read(image, image->gnu_hash, head, sizeof(head)))
        return 0;
    uint64_t buckets = image->gnu_hash + sizeof(head) + (uint64_t)head[2] * sizeof(ElfW(Addr));
    uint64_t chains = buckets + (uint64_t)head[0] * 4;
    uint32_t last = 0, bucket;
    for (uint64_t i = 0; i < head[0] && image_read(image, buckets + i * 4, &bucket, 4); i++)
        last = bucket > last ? bucket : last;
    if (last < head[1])
        return head[1]; /* no defined symbols */
    uint32_t chain = 0;
    while (image_read(image, chains + (uint64_t)(last - head[1]) * 4, &chain, 4) && (chain & 1) == 0)
        last++;
    return (uint64_t)last + 1;
}

static uint64_t symbol_count(const struct image *image)
{
    uint32_t head[2]; /* buckets, chains: one for each symbol */
    if (image->gnu_hash != 0)
        return gnu_hash_symbol_count(image);
    if (image->hash != 0 && image_read(image, image->hash, head, sizeof(head)))
        return head[1];
    return 0;
}

/* Steps through the defined symbols; start with *position 1 (symbol 0 is none). NULL at the end. */
static const char *symbol_next(const struct image *image, uint64_t count, uint64_t *position, ElfW(Sym) * symbol)
{
    while (image->symbols != 0 && *position < count) {
        uint64_t at = image->symbols + (*position)++ * sizeof(*symbol);
        if (!image_read(image, at, symbol, sizeof(*symbol)))
            return NULL;
        const char *name = symbol->st_shndx != SHN_UNDEF ? image_string(image, symbol->st_name) : NULL;
        if (name != NULL)
            return name;
    }
    return NULL;
}

static const char *unique_symbol_find(const struct image *image)
{
    ElfW(Sym) symbol;
    uint64_t position = 1, count = symbol_count(image);
    const char *name;
    while ((name = symbol_next(image, count, &position, &symbol)) != NULL) {
        if (ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE)
            return name;
    }
    return NULL;
}

enum { NOTE_NAME_SIZE = 4, NOTE_ALIGNMENT = 4 };

static void build_id_write(const struct image *image, uint64_t offset, uint32_t length, char *text)
{
    for (uint32_t i = 0; i < length && image_has(image, offset, length); i++)
        snprintf(text + (size_t)2 * i, 3, "%02x", image->bytes[offset + i]);
}

/* The notes of one segment. False: it has no build id. */
static bool notes_search(const struct image *image, const ElfW(Phdr) * segment, char *text)
{
    ElfW(Nhdr) note;
    uint64_t at = segment->p_offset, end = segment->p_offset + segment->p_filesz;
    while (at + sizeof(note) <= end && image_read(image, at, &note, sizeof(note))) {
        uint64_t name = at + sizeof(note);
        uint64_t content = name + (((uint64_t)note.n_namesz + NOTE_ALIGNMENT - 1) & ~(uint64_t)(NOTE_ALIGNMENT - 1));
        bool is_build_id = note.n_type == NT_GNU_BUILD_ID && note.n_namesz == NOTE_NAME_SIZE &&
                           image_has(image, name, NOTE_NAME_SIZE) &&
                           memcmp(image->bytes + name, ELF_NOTE_GNU, NOTE_NAME_SIZE) == 0;
        if (is_build_id && note.n_descsz <= (ELF_BUILD_ID_SIZE - 1) / 2) {
            build_id_write(image, content, note.n_descsz, text);
            return true;
        }
        at = content + (((uint64_t)note.n_descsz + NOTE_ALIGNMENT - 1) & ~(uint64_t)(NOTE_ALIGNMENT - 1));
    }
    return false;
}

/* `text` has room for ELF_BUILD_ID_SIZE. */
static void build_id_find(const struct image *image, char *text)
{
    ElfW(Phdr) segment;
    text[0] = '\0';
    for (size_t i = 0; i < image->header.e_phnum && image_segment(image, i, &segment); i++) {
        if (segment.p_type == PT_NOTE && notes_search(image, &segment, text))
            return;
    }
}

bool elf_examine(const void *bytes, size_t size, struct elf_facts *facts, char *why, size_t why_size)
{
    struct image image = {.bytes = bytes, .size = size};
    if (size == 0)
        return refuse(why, why_size, "it is empty; copy or build it again");
    if (!header_check(&image, why, why_size) || !segments_check(&image, why, why_size) ||
        !sections_check(&image, why, why_size))
        return false;
    if (!dynamic_read(&image))
        return refuse(why, why_size, "it is not a shared object: it has no dynamic segment; link it with -shared");
    if ((image.flags & DF_1_PIE) != 0)
        return refuse(why, why_size, "it is a program, not a shared object; link it with -shared");
    const char *run_path = image.run_path != 0 ? image_string(&image, image.run_path) : NULL;
    facts->unique_symbol = unique_symbol_find(&image);
    facts->is_nodelete = (image.flags & DF_1_NODELETE) != 0;
    build_id_find(&image, facts->build_id);
    facts->uses_origin = run_path != NULL && strstr(run_path, "ORIGIN") != NULL;
    return true;
}

void elf_each_symbol(const void *bytes, size_t size, bool (*visit)(const char *name, void *data), void *data)
{
    struct image image = {.bytes = bytes, .size = size};
    if (!image_read(&image, 0, &image.header, sizeof(image.header)) || !dynamic_read(&image))
        return;
    ElfW(Sym) symbol;
    uint64_t position = 1, count = symbol_count(&image);
    const char *name;
    while ((name = symbol_next(&image, count, &position, &symbol)) != NULL && visit(name, data))
        ;
}
