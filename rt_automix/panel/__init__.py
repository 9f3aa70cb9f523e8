"""The panel: a page in a browser that shows a live session and steers it. Its messages: docs/panel-api.md.

It is served by a thread of the process that watches the sound (`server`), which shares nothing with
the process that plays. What pages ask for is checked (`security`, `api`), put into a bounded box
(`deck`), and done by the loop that watches, when that has time.
"""
