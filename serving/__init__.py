"""The live face: events through the same engine and scorer as research, on one event loop.

service    everything put together, started and stopped
app        HTTP and WebSocket in front of it, tokens, metrics, logs, webhook
feeds      where events come from            intake    what arrives: judged, written down, in order
day        engines, versions, decisions      versions  which versions run, by their aliases
guards     what stands against acting        papers    paper accounts and statements
page       what a browser shows              replay    tables through the live engine, to one file
"""
