"""The same orders in PyFlink, exactly once: a process function in the JVM's thread, checkpoints every 100 ms.

It folds the last time, the count and the sum of each customer and tells of every tenth order; no window, no
scores, no cache. Read by ``benchmarks/beside.py``, which counts the lines it prints. Its arguments are the
jars of Flink's Kafka connector.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from collections.abc import Iterator

import orjson
from pyflink.common import Configuration, SimpleStringSchema, Types, WatermarkStrategy
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.datastream.state import ValueStateDescriptor

SAY_EVERY = 2_000
ORDER = Types.TUPLE([Types.STRING(), Types.STRING(), Types.DOUBLE()])
CUSTOMER = Types.TUPLE([Types.STRING(), Types.INT(), Types.DOUBLE()])


def decoded(value: str) -> tuple[str, str, float]:
    """Customer, time and amount of an order."""
    order = orjson.loads(value)
    return order["customer_id"], order["ts"], float(order["amount"])


class Fold(KeyedProcessFunction):
    """Folds an order at a time."""

    def open(self, runtime_context: RuntimeContext) -> None:
        self.customer = runtime_context.get_state(ValueStateDescriptor("customer", CUSTOMER))
        self.seen = 0

    def process_element(
        self,
        value: tuple[str, str, float],
        ctx: KeyedProcessFunction.Context,  # noqa: ARG002 (Flink's names)
    ) -> Iterator[str]:
        _, at, amount = value
        last, orders, total = self.customer.value() or ("", 0, 0.0)
        self.customer.update((max(last, at), orders + 1, total + amount))
        self.seen += 1
        if self.seen % SAY_EVERY == 0:
            os.write(1, f"{self.seen} {time.time()}\n".encode())
        if (orders + 1) % 10 == 0:
            yield f'{{"n":{orders + 1}}}'


def environment(jars: list[str]) -> StreamExecutionEnvironment:
    folder = os.environ["PEER_FOLDER"]
    settings = Configuration()
    for key, value in {
        "state.backend.type": "hashmap",
        "execution.checkpointing.storage": "filesystem",
        "execution.checkpointing.dir": f"file://{folder}",
        "execution.checkpointing.interval": "100ms",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "restart-strategy.type": "none",  # a job that fails is not to be counted twice
        "python.execution-mode": "thread",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "pipeline.jars": ";".join(f"file://{jar}" for jar in jars),
        "pipeline.object-reuse": "true",
        "io.tmp.dirs": folder,
        "parallelism.default": "1",
    }.items():
        settings.set_string(key, value)
    return StreamExecutionEnvironment.get_execution_environment(settings)


def source() -> KafkaSource:
    return (
        KafkaSource.builder()
        .set_bootstrap_servers(os.environ["PEER_BROKER"])
        .set_topics(os.environ["PEER_ORDERS"])
        .set_group_id(os.environ["PEER_ID"])
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_bounded(KafkaOffsetsInitializer.latest())
        .set_value_only_deserializer(SimpleStringSchema())
        .set_property("max.poll.records", "5000")
        .build()
    )


def sink() -> KafkaSink:
    serializer = (
        KafkaRecordSerializationSchema.builder()
        .set_topic(os.environ["PEER_TOLD"])
        .set_value_serialization_schema(SimpleStringSchema())
        .build()
    )
    return (
        KafkaSink.builder()
        .set_bootstrap_servers(os.environ["PEER_BROKER"])
        .set_record_serializer(serializer)
        .set_delivery_guarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .set_transactional_id_prefix(os.environ["PEER_ID"])
        .set_property("transaction.timeout.ms", "60000")
        .set_property("batch.size", str(256 << 10))
        .set_property("linger.ms", "5")
        .build()
    )


def main() -> None:
    # The Python inside the JVM does not find the packages of a virtual environment by itself.
    os.environ["PYTHONPATH"] = sysconfig.get_path("purelib")
    flow = environment(sys.argv[1:])
    orders = flow.from_source(source(), WatermarkStrategy.no_watermarks(), "orders")
    by_customer = orders.map(decoded, ORDER).key_by(lambda order: order[0], Types.STRING())
    by_customer.process(Fold(), Types.STRING()).sink_to(sink())
    flow.execute("fold")


if __name__ == "__main__":
    main()
