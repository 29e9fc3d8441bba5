"""The default seccomp profile, as data: what Docker's allows, arranged by what the calls are for.

Whatever is named nowhere fails with EPERM. Facts: seccomp(2); Docker's documentation, "Seccomp security profiles".
"""

from typing import Final

ALWAYS: Final = {
    "files and directories": (
        "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat "
        "faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 "
        "fchownat fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate "
        "ftruncate64 futimesat getcwd getdents getdents64 ioctl lchown lchown32 link linkat listmount _llseek "
        "lseek lstat lstat64 memfd_create memfd_secret mkdir mkdirat mknod mknodat name_to_handle_at "
        "newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read "
        "readahead readlink readlinkat readv rename renameat renameat2 rmdir sendfile sendfile64 splice stat "
        "stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs tee truncate "
        "truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev"
    ),
    "extended attributes": (
        "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat "
        "llistxattr lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat"
    ),
    "waiting for events": (
        "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
        "epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 "
        "inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup "
        "io_submit _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select"
    ),
    "sockets, by way of `socket` below": (
        "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
        "recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair"
    ),
    "memory": (
        "brk cachestat madvise map_shadow_stack membarrier mincore mlock mlock2 mlockall mmap mmap2 mprotect "
        "mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease "
        "remap_file_pages"
    ),
    "System V and POSIX IPC": (
        "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
        "mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
        "semtimedop_time64 shmat shmctl shmdt shmget"
    ),
    "processes, threads and their scheduling": (
        "execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv "
        "futex_wake get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid getpriority "
        "getrlimit getrusage getsid gettid ioprio_get ioprio_set pidfd_open pidfd_send_signal prctl prlimit64 "
        "process_vm_readv process_vm_writev ptrace restart_syscall rseq sched_get_priority_max "
        "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
        "sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
        "sched_setscheduler sched_yield set_robust_list set_thread_area set_tid_address setpgid setpriority "
        "setrlimit setsid ugetrlimit uretprobe vfork wait4 waitid waitpid"
    ),
    "signals": (
        "kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
        "rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signalfd signalfd4 sigprocmask "
        "sigreturn tgkill tkill"
    ),
    "users, groups, capabilities, sandboxing": (
        "capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid "
        "getresgid32 getresuid getresuid32 getuid getuid32 landlock_add_rule landlock_create_ruleset "
        "landlock_restrict_self seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups "
        "setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
        "setuid setuid32"
    ),
    "clocks and timers; those that set a clock need CAP_SYS_TIME besides": (
        "adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
        "clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer "
        "time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
        "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 "
        "times"
    ),
    "the system": ("getrandom riscv_hwprobe sysinfo uname"),
}
"""System calls that every container may make, by what they are for."""

BY_CAPABILITY: Final = {
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    "CAP_SYS_ADMIN": (
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr "
        "lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl "
        "quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"
    ),
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
}
"""System calls that need a capability anyhow and are allowed with it."""

BY_MACHINE: Final = {
    "x86_64": "arch_prctl modify_ldt",
    "aarch64": "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
    "ppc64le": "swapcontext sync_file_range2",
    "riscv64": "riscv_flush_icache",
    "s390x": "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
}
"""System calls that only one kind of machine has, by `uname -m`."""

ARCHITECTURES: Final = {
    "x86_64": ("X86_64", "X86", "X32"),
    "aarch64": ("AARCH64", "ARM"),
    "ppc64le": ("PPC64LE",),
    "riscv64": ("RISCV64",),
    "loongarch64": ("LOONGARCH64",),
    "s390x": ("S390X", "S390"),
}
"""The native architecture and those whose programs the same kernel runs (SCMP_ARCH_*)."""

SOCKET_FAMILIES_BELOW: Final = 12
SOCKET_FAMILIES: Final = (*range(13, 19), 21, 22, 24, *range(26, 34), 35, 36, 39, *range(41, 46))
"""Families of socket(2) that may be asked for. Not among them: AF_VSOCK (40), which reaches the hypervisor past every
network namespace, AF_ALG (38), and families long dead (linux/socket.h)."""

PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
"""Linux, 32-bit Linux, both as uname26 says it, and the question which it is (personality(2))."""

NAMESPACE_FLAGS: Final = 0x7E020000
"""CLONE_NEW* of clone(2): without CAP_SYS_ADMIN none may be among its flags."""
