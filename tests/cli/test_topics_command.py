from runs import answers, run

from stream_rfm.kafka.admin import admin_client


def test_topics_are_created_once(deployment):
    names = [topic.name for topic in deployment.topics.all()]
    first, second = run("topics", "create"), run("topics", "create")
    assert (first.exit_code, first.stderr) == (second.exit_code, second.stderr) == (0, "")
    assert first.stdout.splitlines() == [f"{name}: created" for name in names]
    assert second.stdout.splitlines() == [f"{name}: there already" for name in names]


def test_differences_are_on_standard_error_and_in_json(deployment):
    orders = deployment.topics.orders.name
    with admin_client(deployment.settings.kafka) as admin:
        admin.create_topics({orders: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    said = answers("topics", "create")
    assert said[0] == {
        "topic": orders,
        "created": False,
        "differences": ["partitions: 1, not 3"],
        "fatal": True,
    }
    assert all(each["created"] and not each["fatal"] for each in said[1:])
    result = run("topics", "create")
    assert result.exit_code == 0
    first, second = result.stderr.splitlines()
    assert first == f"{orders}: partitions: 1, not 3"
    assert second.startswith(f"No worker starts. Topic {orders} has 1 partitions, not 3")
