"""Files to rows: bytes to text, text to records, records to conversations; nothing is lost.

`data_files` says which files a source names, `records` how each is read (`encoding`, `json_rows`,
`tables`, `arrow`, `packed`, `documents`), `formats` how a record becomes a row (`turns`, `choices`,
`judged`, `rendered`, `tool_calls`, `row_fields`), `key_use` what of it was used.
"""
