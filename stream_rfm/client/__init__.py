"""For the people downstream: look segments up, and be told when a customer changes segment.

Both need no settings of stream-rfm, only addresses.
"""

from stream_rfm.client.reader import CustomerSegment, Freshness, SegmentReader, UnreadableError
from stream_rfm.client.subscriber import SubscriptionError, TransitionSubscriber
from stream_rfm.client.transition import SegmentTransition, Standing

__all__ = [
    "CustomerSegment",
    "Freshness",
    "SegmentReader",
    "SegmentTransition",
    "Standing",
    "SubscriptionError",
    "TransitionSubscriber",
    "UnreadableError",
]
