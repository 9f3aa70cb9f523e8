"""A process of a pool: what `rt_automix.batch.pool` starts."""

from rt_automix.batch.worker import main

main()
