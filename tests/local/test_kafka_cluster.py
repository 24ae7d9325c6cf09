from local_probes import create_topic, read, write

from stream_rfm.local.kafka_cluster import KafkaCluster


def test_cluster_outlives_the_loss_of_a_broker(tmp_path):
    with KafkaCluster(tmp_path) as cluster:
        create_topic(cluster.bootstrap_servers, "replicated", replicas=3)
        write(cluster.bootstrap_servers, "replicated", b"before")
        lost = cluster.brokers[0]
        lost.kill()
        write(cluster.bootstrap_servers, "replicated", b"meanwhile")
        lost.start()
        assert read(lost.bootstrap_servers, "replicated", 2) == [b"before", b"meanwhile"]
        for broker in cluster.brokers:
            broker.kill()  # there is nothing to keep
