"""The kernel bound to a heap: the machine, its stacks, stress, the profiler and the debugger."""
