"""Features in two compiled stages, the same for research and live.

    tape   events of a trading day -> one wide BAR a minute          (`tape.advance`, needs nothing but that day)
    rows   a BAR and the bars before it -> one ROW of features       (`engine.on_bar`, carries earlier bars)

A live event is a tape of length one. Days of bars build in parallel, since only the second, light stage looks back.
"""
