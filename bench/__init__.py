"""Measurements of what rt_automix costs and holds, beside what else people could use: `python -m bench`."""
