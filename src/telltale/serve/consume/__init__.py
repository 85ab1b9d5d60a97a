"""Events of a stream: taken from a broker, stored, decided, told back; each acknowledged once all of that is done.

A broker is a file that says how messages are taken and settled (`RedisStream`, `NatsStream`, both a `Broker`); what is done
with them is the same for all: `rows` (messages to rows), `scoring` (rows to answers), `steps` (the transactions), and
`consumer`, which keeps them in motion.
"""
