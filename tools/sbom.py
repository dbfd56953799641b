"""The bill of materials of a program: CycloneDX 1.6 as JSON, of its linked crates.

The same sources give the same text: its time is SOURCE_DATE_EPOCH, its serial number made of what it says.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import sys
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools import archives, linked

VERSION = SchemaVersion.V1_6


def sha256(content: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())


def licence(expression: str):
    made = LicenseFactory().make_from_string(expression)
    if isinstance(made, DisjunctiveLicense) and made.id is None:
        raise ValueError(f"{expression!r} is no licence of SPDX")
    return made


def component(crate: linked.Crate) -> Component:
    """Crates of our own have no place in a registry, so no URL of one and no hash of what it sent."""
    return Component(
        type=ComponentType.LIBRARY,
        name=crate.name,
        version=crate.version,
        bom_ref=crate.ref,
        description=crate.description or None,
        licenses=[licence(crate.licence)],
        purl=PackageURL("cargo", name=crate.name, version=crate.version) if crate.checksum else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=crate.checksum)] if crate.checksum else None,
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(crate.repository))]
        if crate.repository else None,
    )


def bill(package: str, target: str = linked.TARGET, program: pathlib.Path | None = None) -> str:
    crates = linked.crates(package, target)
    rust = linked.rust()
    components = {ref: component(crate) for ref, crate in crates.items()}
    own = next(made for made in components.values() if made.name == package)
    own.type = ComponentType.APPLICATION
    if program:
        own.hashes = [sha256(program.read_bytes())]
    std = Component(type=ComponentType.LIBRARY, name="rust-std", version=rust, bom_ref=f"rust-std@{rust}",
                    description=f"The standard library of Rust, for {target}", licenses=[licence("MIT OR Apache-2.0")],
                    purl=PackageURL("generic", name="rust-std", version=rust))
    bom = Bom(metadata=BomMetaData(
        component=own,
        tools=ToolRepository(components=[this_component()]),
        timestamp=datetime.datetime.fromtimestamp(archives.epoch(), datetime.timezone.utc),
    ))
    bom.components.update([std, *(made for made in components.values() if made is not own)])
    for ref, crate in crates.items():
        bom.register_dependency(components[ref], [components[used] for used in crate.uses] + [std] * (components[ref] is own))
    bom.register_dependency(std)

    # A serial number is required, and a random one would make each bill different.
    bom.serial_number = uuid.UUID(int=0, version=4)
    text = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string()
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, text)
    text = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=2) + "\n"
    wrong = JsonStrictValidator(VERSION).validate_str(text)
    if wrong:
        raise ValueError(f"the bill of {package} does not follow the schema: {wrong}")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", choices=linked.PROGRAMS)
    parser.add_argument("--program", type=pathlib.Path, help="the program itself, whose hash the bill is to name")
    options = parser.parse_args()
    sys.stdout.write(bill(options.package, program=options.program))
    return 0


if __name__ == "__main__":
    sys.exit(main())
