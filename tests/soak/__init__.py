"""An outage lived through by 64 sandboxes at once, while everything around them fails, and then the books are checked.

    python -m tests.soak --seeds 200 --from 0 --jobs 2       # a table at the end, and status 1 if a promise was broken

A run is a seed's: `plan` says what happens and what breaks, `story` has it happen, `check` looks at what is left. The
sandboxes are processes of the real binary, one event at a time each as on Lambda, and the table is the emulator's. They
reach it and SNS through a `gate`, which knows who asks for what, breaks what the plan wants broken, and kills. Their wall
clocks are the run's (`clock`), so that minutes pass when they are told to and the program's own numbers hold. What is
reproduced by a seed is the plan; how 64 processes interleave is the machine's.
"""
