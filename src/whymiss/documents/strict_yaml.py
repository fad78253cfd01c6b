"""YAML for metadata: safe_load without aliases and without keys given twice."""

from __future__ import annotations

from typing import Any

import yaml


class StrictLoader(yaml.SafeLoader):
    """Accepts less than SafeLoader: each value is written where it stands, each key once."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Build one node; an alias is an error, since a few of them can stand for gigabytes."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(
                None,
                None,
                "aliases are not read",
                self.current_event.start_mark if self.current_event else None,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Build one mapping; a key given twice is an error, since one of the two would be lost."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (key_node, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
        return super().construct_mapping(node, deep=deep)
