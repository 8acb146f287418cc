# SPDX-License-Identifier: Apache-2.0
"""
What is in the image, as SPDX 2.3: Sonde and each package of which a file is inside. A package's own
statement of its licences, with the words of each, is inside as well, below /usr/share/doc.
"""
import hashlib
import json
from urllib.parse import quote

SONDE = "SPDXRef-Package-sonde"


def reference(package):
    return "SPDXRef-Package-" + package.name.replace("+", "-")


def package_entry(package):
    purl = (f"pkg:deb/debian/{package.name}@{quote(package.version, safe='')}"
            f"?arch={package.architecture}")
    return {
        "SPDXID": reference(package), "name": package.name, "versionInfo": package.version,
        "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "sourceInfo": f"built from the source package {package.source} {package.source_version}",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": purl}]}


def document(name, version, architecture, created, tree):
    """`tree` has `used`, the packages, and `files`, among them Sonde itself."""
    packages = [package_entry(package) for _, package in sorted(tree.used.items())]
    digest = hashlib.sha256(tree.files["usr/bin/sonde"]).hexdigest()
    identity = hashlib.sha256(json.dumps([digest, packages], sort_keys=True).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}:{version} for {architecture}",
        "documentNamespace": f"urn:sha256:{identity}",
        "creationInfo": {"created": created, "creators": [f"Tool: sonde-image-{version}"]},
        "packages": [{
            "SPDXID": SONDE, "name": "sonde", "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)",
            "copyrightText": "NOASSERTION"}] + packages,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                           "relatedSpdxElement": SONDE}] +
                         [{"spdxElementId": SONDE, "relationshipType": "DEPENDS_ON",
                           "relatedSpdxElement": each["SPDXID"]} for each in packages]}
