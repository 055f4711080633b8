# The entries of interrupts, in AT&T syntax.
#
# The host's target lets code use the 128 bytes below its stack pointer, and the SSE registers. So the CPU switches to
# another stack, of the interrupt stack table, and the timer's entry saves those registers.
.section .text.interrupts, "ax", @progbits
.globl timer_entry, spurious_entry, fault_entries
timer_entry:
    .irp register, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, rbp
    push %\register
    .endr
    mov %rsp, %rbp
    sub $512, %rsp
    and $-16, %rsp
    fxsave64 (%rsp)
    cld
    call {timer}
    fxrstor64 (%rsp)
    mov %rbp, %rsp
    .irp register, rbp, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
    pop %\register
    .endr
spurious_entry:
    iretq

# An entry of 16 bytes for each exception. None returns.
    .balign 16
fault_entries:
    .irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    .balign 16
    mov $\vector, %edi
    jmp fault_entry
    .endr
fault_entry:
    mov %rsp, %rsi
    and $-16, %rsp
    call {fault}
    ud2
