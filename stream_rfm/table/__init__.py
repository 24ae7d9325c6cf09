"""The customer table of one partition, in columns: thousands of events are counted at once.

Still pure: no Kafka, no clock, no await. What counts is said one event at a time in
:mod:`stream_rfm.model.profile`; here the same is done with numpy arrays.
"""
