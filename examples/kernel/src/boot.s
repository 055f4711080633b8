# From the boot protocol to Rust, in AT&T syntax: CPU 0 enters at `pvh_start`, the others at `trampoline`.

# The boot protocol PVH: the loader enters at this address in 32-bit mode, without paging, with the physical address of
# `hvm_start_info` in %ebx. Type 18 is XEN_ELFNOTE_PHYS32_ENTRY.
.section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad pvh_start

.section .text.boot, "ax", @progbits
.code32
.globl pvh_start
pvh_start:
    cld
    mov $boot_stack_end, %esp
    # Maps the first 4 GiB to themselves, in pages of 2 MiB: one table of 512 tables, of which four are used.
    mov $page_directories + 3, %eax
    mov %eax, page_tables + 4096
    add $4096, %eax
    mov %eax, page_tables + 4096 + 8
    add $4096, %eax
    mov %eax, page_tables + 4096 + 16
    add $4096, %eax
    mov %eax, page_tables + 4096 + 24
    mov $page_tables + 4096 + 3, %eax
    mov %eax, page_tables
    mov $0x83, %eax
    xor %ecx, %ecx
1:  mov %eax, page_directories(, %ecx, 8)
    add $0x200000, %eax
    inc %ecx
    cmp $2048, %ecx
    jne 1b
    mov $first_cpu, %edx
    jmp enter_long_mode

# The other CPUs begin in 16-bit mode at a page that an inter-processor interrupt names. CPU 0 copies this code there.
.code16
.globl trampoline, trampoline_end
trampoline:
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl 0x8000 + boot_gdt_pointer_low - trampoline
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $8, $next_cpu_32
boot_gdt_pointer_low:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt
trampoline_end:

.code32
next_cpu_32:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov next_stack, %esp
    mov $next_cpu, %edx

# Enables SSE, paging and 64-bit mode, and goes on at the address in %edx.
enter_long_mode:
    mov %cr4, %eax
    or $(1 << 5 | 1 << 9 | 1 << 10), %eax   # PAE, OSFXSR, OSXMMEXCPT
    mov %eax, %cr4
    mov $page_tables, %eax
    mov %eax, %cr3
    mov %edx, %edi
    mov $0xc0000080, %ecx
    rdmsr
    or $(1 << 8), %eax                       # EFER.LME
    wrmsr
    mov %cr0, %eax
    and $~(1 << 2), %eax                     # EM
    or $(1 << 31 | 1 << 1), %eax             # PG, MP
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    pushl $24
    push %edi
    lret

.code64
first_cpu:
    mov %ebx, %edi
    call {main}
    ud2
next_cpu:
    mov next_stack, %rsp
    pop %rdi
    call {next_cpu}
    ud2

.section .rodata.boot, "a", @progbits
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff                 # 8: code of 32 bits
    .quad 0x00cf92000000ffff                 # 16: data
    .quad 0x00af9a000000ffff                 # 24: code of 64 bits
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .quad boot_gdt

.section .bss.boot, "aw", @nobits
    .balign 4096
page_tables:
    .skip 2 * 4096
page_directories:
    .skip 4 * 4096
boot_stack:
    .skip 64 * 1024
boot_stack_end:
# The stack of the CPU that starts next.
.globl next_stack
next_stack:
    .skip 8
