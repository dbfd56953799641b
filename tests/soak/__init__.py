"""A simulated outage with 64 sandboxes at once, while everything around them fails, followed by a check of the results.

    python -m tests.soak --seeds 200 --from 0 --jobs 2       # a table at the end, and status 1 if a promise was broken

A run belongs to a seed: `plan` decides events and faults, `story` runs them, `check` examines the results. The
sandboxes are processes of the real binary, one event at a time each as on Lambda, and the table is the emulator's. They
reach it and SNS through a `gate`, which knows each request's sender and purpose, breaks requests as planned, and kills.
Their wall clocks are the run's (`clock`), so minutes pass on demand and the program's own numbers hold. A seed
reproduces the plan; how 64 processes interleave is up to the machine.
"""
