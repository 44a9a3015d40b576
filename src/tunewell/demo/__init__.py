"""The demo: an invented service desk with planted faults, from raw files to a verdict and a team.

`tunewell demo` runs it. `make_desk` writes the data (`desk_rows` makes clean rows, `spoil` spoils
some), `sizing` fits the training to the machine, `whole_demo` runs every stage, `plant_audit` holds
what curation did against what was planted, `dumped` trains on everything beside it, and `desk_team`
leaves work for two invented experts.
"""
