# SPDX-License-Identifier: Apache-2.0
"""A small internet in network namespaces; see README.md."""
