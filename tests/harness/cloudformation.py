"""CloudFormation's functions, as far as our template uses them."""

import re


def as_list(value):
    return value if isinstance(value, list) else [value]


NOTHING = object()


def resolved(value, template, given):
    """CloudFormation's result for a value of the template with these parameters: resources become their names in <>."""
    assert set(given) <= set(template["Parameters"]), set(given) - set(template["Parameters"])
    parameters = {}
    for name, body in template["Parameters"].items():
        text = given[name] if name in given else body["Default"]
        parameters[name] = text.split(",") if body["Type"] == "CommaDelimitedList" else text

    def holds(condition):
        match list(condition.items()):
            case [("Fn::Not", [denied])]:
                return not holds(denied)
            case [("Fn::And", conditions)]:
                return all(map(holds, conditions))
            case [("Fn::Or", conditions)]:
                return any(map(holds, conditions))
            case [("Condition", name)]:
                return holds(template["Conditions"][name])
            case [("Fn::EachMemberIn", [items, among])]:
                return all(item in one(among) for item in one(items))
            case [("Fn::Equals", [first, second])]:
                return one(first) == one(second)
        raise AssertionError(f"{condition} is not understood here")

    def named(name, variables):
        if name in variables:
            return one(variables[name])
        return parameters.get(name, f"<{name}>")

    def one(value):
        if isinstance(value, list):
            return [item for item in map(one, value) if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", "AWS::NoValue")]:
                return NOTHING
            case [("Ref", name)]:
                return named(name, {})
            case [("Fn::GetAtt", path)]:
                return f"<{'.'.join(as_list(path))}>"
            case [("Fn::If", [condition, yes, no])]:
                named_or_not = condition if isinstance(condition, dict) else {"Condition": condition}
                return one(yes if holds(named_or_not) else no)
            case [("Fn::Sub", text)]:
                text, variables = text if isinstance(text, list) else (text, {})
                # Else a list would be put into a text, which CloudFormation refuses.
                assert all(isinstance(named(name, variables), str) for name in re.findall(r"\$\{([\w:.]+)\}", text)), text
                return re.sub(r"\$\{([\w:.]+)\}", lambda found: named(found[1], variables), text)
            case [("Fn::Join", [between, parts])]:
                return between.join(one(parts))
            case [("Fn::Split", [between, text])]:
                return one(text).split(between)
            case [("Fn::Select", [number, items])]:
                # Outside the list, which fails the deployment: an IndexError here.
                return one(items)[int(number)]
            case [("Fn::FindInMap", [name, first, second])]:
                return template["Mappings"][one(name)][one(first)][one(second)]
            case [(function, _)] if function.startswith("Fn::"):
                raise AssertionError(f"{function} is not understood here")
        return {key: item for key, item in ((key, one(item)) for key, item in value.items()) if item is not NOTHING}

    return one(value)
