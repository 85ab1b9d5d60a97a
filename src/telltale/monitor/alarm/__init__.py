"""From what is measured to a person who is told: the rules that raise and end alarms, and the messages about them.

A rule is data: its alarm, its limits, and a function that looks at one task or event and says what is wrong, or nothing.
A sink is data too: its name and a function that sends one message or raises. Between them stands the `alarm` table, which
other parts write as well (`telltale.monitor.alarms`), so that a message goes out once whoever raised the alarm.
"""
