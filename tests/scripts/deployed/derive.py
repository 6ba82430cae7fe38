"""Derives a template for MiniStack from template.yaml, and packs what it deploys.

`derive.py TEMPLATE BINARIES CONTRACTS FOLDER WEATHER_URL OPERATORS_URL` writes to FOLDER:

- `template.yaml`, the derived template;
- `<binary>/`, a folder for each function: its `bootstrap`, without debug symbols, and its contracts.

Each difference is one function below, which returns what it changed. All of them are printed, so that what was
deployed can be compared with what AWS would get. Nothing else differs.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ENVIRONMENT = "ministack"
LARGEST_BATCH = 10
ACTIONS_WITH_BATCHES = {"sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}


class Tagged:
    """A short form of CloudFormation's functions, such as `!Ref Inbox`."""

    def __init__(self, tag, value):
        self.tag = tag
        self.value = value


class Loader(yaml.SafeLoader):
    pass


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def read_tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return Tagged(suffix, loader.construct_scalar(node))
    if isinstance(node, yaml.SequenceNode):
        return Tagged(suffix, loader.construct_sequence(node, deep=True))
    return Tagged(suffix, loader.construct_mapping(node, deep=True))


def write_tagged(dumper, tagged):
    if isinstance(tagged.value, list):
        return dumper.represent_sequence("!" + tagged.tag, tagged.value)
    if isinstance(tagged.value, dict):
        return dumper.represent_mapping("!" + tagged.tag, tagged.value)
    return dumper.represent_scalar("!" + tagged.tag, tagged.value)


Loader.add_multi_constructor("!", read_tagged)
Dumper.add_representer(Tagged, write_tagged)


def functions(template):
    """The name and the properties of each function."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield name, resource["Properties"]


def queue_mappings(template):
    """The name and the properties of each event source mapping of a queue."""
    for function, properties in functions(template):
        for event, source in properties.get("Events", {}).items():
            if source["Type"] == "SQS":
                yield f"{function}{event}", source["Properties"]


def use_x86_64(template):
    template["Globals"]["Function"]["Architectures"] = ["x86_64"]
    return ["Globals: x86_64, since functions are processes of this machine"]


def use_folders_as_code(template):
    for name, properties in functions(template):
        metadata = template["Resources"][name].pop("Metadata")
        properties["CodeUri"] = metadata["BuildProperties"]["Binary"]
    return ["each function: CodeUri is a folder that was packed here, and nothing is left for `sam build`"]


def put_contracts_beside_the_code(template):
    """MiniStack unpacks layers for no custom runtime. A function starts in the folder of its code."""
    for _, properties in functions(template):
        properties.pop("Layers", None)
        variables = properties["Environment"]["Variables"]
        for variable, value in variables.items():
            if isinstance(value, Tagged) and str(value.value).startswith("/opt/"):
                variables[variable] = Tagged(value.tag, value.value.replace("/opt/", "contracts/", 1))
    template["Globals"]["Function"]["Environment"]["Variables"]["CONTRACTS_DIR"] = "contracts"
    del template["Resources"]["ContractsLayer"]
    return ["ContractsLayer: left out, and its content is beside each function's code, in `contracts` instead of `/opt`"]


def bound_batches(template):
    changed = []
    for name, properties in queue_mappings(template):
        if properties["BatchSize"] > LARGEST_BATCH:
            properties["BatchSize"] = LARGEST_BATCH
            changed.append(f"{name}: BatchSize is {LARGEST_BATCH}")
        if properties.pop("MaximumBatchingWindowInSeconds", None):
            changed.append(f"{name}: no batching window")
    return changed


def resolve(template, value):
    """What a reference stands for if each parameter has its default."""
    if not isinstance(value, Tagged):
        return value
    if value.tag == "Ref":
        return template["Parameters"][value.value]["Default"]
    if value.tag == "FindInMap":
        found, *names = (resolve(template, name) for name in value.value)
        found = template["Mappings"][found]
        for name in names:
            found = found[name]
        return found
    raise ValueError(f"!{value.tag} is not known here")


def make_concurrency_literal(template):
    changed = []
    for name, properties in queue_mappings(template):
        scaling = properties["ScalingConfig"]
        reference = scaling["MaximumConcurrency"]
        if isinstance(reference, Tagged):
            scaling["MaximumConcurrency"] = resolve(template, reference)
            changed.append(f"{name}: MaximumConcurrency is {scaling['MaximumConcurrency']}, not a `!{reference.tag}`")
    return changed


def deploy_at_once(template):
    """MiniStack has no CodeDeploy, and no alarm of it ever fires."""
    names = [name for name, properties in functions(template) if properties.pop("DeploymentPreference", None)]
    return [f"{', '.join(names)}: a new version gets all events at once"] if names else []


def leave_out_nested_stacks(template):
    """MiniStack has no composite alarms, and makes no metrics of logs, so that no alarm of it would say anything."""
    resources = template["Resources"]
    names = [name for name, resource in resources.items() if resource["Type"] == "AWS::CloudFormation::Stack"]
    for name in names:
        del resources[name]
    return [f"{', '.join(names)}: left out"] if names else []


def grant_batches_of_messages(template):
    """AWS has no action for a batch: what may be done to one message may be done to ten. MiniStack asks for one."""
    changed = []
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        granted = []
        for policy in resource["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                batches = [f"{action}Batch" for action in actions if action in ACTIONS_WITH_BATCHES]
                statement["Action"] = actions + batches
                granted += batches
        if granted:
            changed.append(f"{name}: granted {', '.join(sorted(set(granted)))}, wherever one message is")
    return changed


def name_the_operators_url(operators_url):
    def change(template):
        template["Outputs"]["OperatorsUrl"]["Value"] = operators_url
        return ["OperatorsUrl: the address of a stand-in that says who asks, since MiniStack's URLs do not"]

    return change


def pack(template, binaries, contracts, folder, weather_url):
    """Writes each function's folder, as `sam deploy` is to pack it."""
    for _, properties in functions(template):
        binary = properties["CodeUri"]
        target = folder / binary
        target.mkdir(parents=True)
        subprocess.run(["strip", "-o", target / "bootstrap", binaries / binary], check=True)
        shutil.copytree(contracts, target / "contracts")
        variables = target / "contracts" / "variables" / f"{ENVIRONMENT}.yaml"
        variables.write_text(yaml.safe_dump({"variables": {"WEATHER_URL": weather_url}}))


def main():
    template_path, binaries, contracts, folder = map(Path, sys.argv[1:5])
    weather_url, operators_url = sys.argv[5:7]
    template = yaml.load(template_path.read_text(), Loader)
    print("what differs from template.yaml:")
    for change in (
        use_x86_64,
        use_folders_as_code,
        put_contracts_beside_the_code,
        bound_batches,
        make_concurrency_literal,
        deploy_at_once,
        leave_out_nested_stacks,
        grant_batches_of_messages,
        name_the_operators_url(operators_url),
    ):
        for line in change(template):
            print(f"- {line}")
    pack(template, binaries, contracts, folder, weather_url)
    (folder / "template.yaml").write_text(yaml.dump(template, Dumper=Dumper, sort_keys=False))


main()
