# The functions of libc that the compiler calls, in AT&T syntax. The target `x86_64-unknown-none` has its own.
.section .text.mem, "ax", @progbits
.globl memcpy, memmove, memset, memcmp, bcmp
memmove:
    mov %rdi, %rcx
    sub %rsi, %rcx
    cmp %rdx, %rcx
    jae memcpy
    # The target begins within the source: backwards from the last byte, so that no byte is written before it is read.
    mov %rdi, %rax
    mov %rdx, %rcx
    lea -1(%rdi, %rdx), %rdi
    lea -1(%rsi, %rdx), %rsi
    std
    rep movsb
    cld
    ret
memcpy:
    mov %rdi, %rax
    mov %rdx, %rcx
    rep movsb
    ret
memset:
    mov %rdi, %r8
    mov %esi, %eax
    mov %rdx, %rcx
    rep stosb
    mov %r8, %rax
    ret
memcmp:
bcmp:
    xor %eax, %eax
    mov %rdx, %rcx
    # Sets the flags for zero bytes, which are equal.
    cmp %rcx, %rcx
    repe cmpsb
    je 1f
    movzbl -1(%rdi), %eax
    movzbl -1(%rsi), %ecx
    sub %ecx, %eax
1:  ret
