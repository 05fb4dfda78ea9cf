"""template.yaml as CloudFormation would read it: its intrinsic functions worked out for given parameters (needs PyYAML)."""

import os
import re

import yaml

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "template.yaml")
PSEUDO = {
    "AWS::Region": "us-east-1", "AWS::URLSuffix": "amazonaws.com", "AWS::Partition": "aws", "AWS::AccountId": "123456789012",
    "AWS::StackName": "mogr",
}
ABSENT = object()


class Loader(yaml.SafeLoader):
    pass


def tagged(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", tagged)


class Template:
    def __init__(self, **parameters):
        with open(PATH, encoding="utf-8") as file:
            self.document = yaml.load(file, Loader)
        self.resources = self.document["Resources"]
        self.parameters = {name: one.get("Default") for name, one in self.document["Parameters"].items()}
        unknown = set(parameters) - set(self.parameters)
        assert not unknown, f"no such parameter: {unknown}"
        self.parameters.update(parameters)
        for name, one in self.document["Parameters"].items():
            if one["Type"] == "CommaDelimitedList":
                self.parameters[name] = self.parameters[name].split(",")

    def ref(self, name):
        """A parameter, or the name of a resource in place of what AWS would call it."""
        if name == "AWS::NoValue":
            return ABSENT
        return self.parameters.get(name, PSEUDO.get(name, name))

    def value(self, node):
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, given), = node.items()
            if name == "Ref":
                return self.ref(given)
            if name == "Condition":
                return self.value(self.document["Conditions"][given])
            if name.startswith("Fn::"):
                return getattr(self, name[4:].lower())(given)
        found = {name: self.value(value) for name, value in node.items()}
        return {name: value for name, value in found.items() if value is not ABSENT}

    def sub(self, given):
        text, own = given if isinstance(given, list) else (given, {})
        own = {name: self.value(value) for name, value in own.items()}
        return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", lambda found: str(own[found[1]] if found[1] in own else self.ref(found[1])), text)

    def join(self, given):
        separator, parts = given
        return separator.join(self.value(parts))

    def equals(self, given):
        one, other = self.value(given)
        return one == other

    def getatt(self, given):
        return given.partition(".")[0]

    def select(self, given):
        number, values = self.value(given)
        return values[int(number)] if isinstance(values, list) and len(values) > int(number) else "unknown"

    def split(self, given):
        separator, text = self.value(given)
        return text.split(separator)

    def condition(self, name):
        return self.value(self.document["Conditions"][name])


def _not(self, given):
    return not self.value(given[0])


def _if(self, given):
    name, yes, no = given
    return self.value(yes if self.condition(name) else no)


# Names that Python keeps for itself.
setattr(Template, "not", _not)
setattr(Template, "if", _if)
