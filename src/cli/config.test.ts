import { describe, expect, test } from "vitest";
import { ScopeError } from "../base/error.ts";
import { studySchema } from "../study/config.ts";
import { parseConfig } from "./config.ts";

const good = `name: Test
model: {arch: cnn, widths: [16, 16]}
upstream:
  data: {set: synthetic}
  recipe: {steps: 10}
downstream:
  data: {set: synthetic}
  recipe:
    steps: 10
learningRates: [0.1]
`;

/** What is said of a study file: the sentence, and the hint after " — ". */
function complaint(text: string): string {
  try {
    parseConfig(studySchema, text, "study.yaml");
  } catch (error) {
    expect(error).toBeInstanceOf(ScopeError);
    const { fault, message, hint } = error as ScopeError;
    expect(fault).toBe("usage");
    expect(message).not.toContain("\n");
    return hint === undefined ? message : `${message} — ${hint}`;
  }
  return "nothing";
}

test("a good file is read, with the defaults filled in", () => {
  expect(parseConfig(studySchema, good, "study.yaml")).toMatchObject({
    name: "Test",
    downstream: { recipe: { steps: 10, batch: 32 } },
    seeds: [0, 1, 2],
  });
});

describe("what is wrong is said in one sentence, with its place", () => {
  test.each([
    // Fields that are not there.
    [
      "a field at the top",
      `${good}learningrates: [1]\n`,
      'study.yaml:11:1: there is no field "learningrates" — nearest: learningRates, curveImages, name',
    ],
    [
      "a field further in",
      good.replace("    steps: 10\n", "    stepz: 10\n"),
      'study.yaml:9:5: there is no field "downstream.recipe.stepz" — nearest: steps, l2sp, freeze',
    ],
    [
      "a field of another architecture",
      good.replace("widths", "width"),
      'study.yaml:2:20: there is no field "model.width" — nearest: widths, arch, hidden',
    ],
    ["a missing field", good.replace("name: Test\n", ""), "study.yaml:1:1: name is missing"],
    [
      "a missing field further in",
      good.replace("{set: synthetic}", "{trainSize: 4}"),
      "study.yaml:4:3: upstream.data.set is missing",
    ],
    // Values of the wrong kind or size.
    [
      "a word for a number",
      good.replace("steps: 10}", "steps: ten}"),
      'study.yaml:5:12: upstream.recipe.steps: expected number, got "ten"',
    ],
    [
      "a number out of range, and another mistake",
      good.replace("steps: 10}", "steps: -1, momentum: 3}"),
      "study.yaml:5:12: upstream.recipe.steps: expected number to be >0, got -1 (and 1 more)",
    ],
    ["not a number", `${good}validation: .nan\n`, "study.yaml:11:1: validation: expected number, got NaN"],
    ["no whole number", `${good}seeds: [0, 1.5]\n`, "study.yaml:11:12: seeds.1: expected int, got 1.5"],
    ["nothing for a list", `${good}seeds:\n`, "study.yaml:11:1: seeds: expected array, got null"],
    [
      "an unknown architecture",
      good.replace("arch: cnn", "arch: lenet"),
      'study.yaml:2:9: model.arch: expected cnn, mlp, resnet, vgg or vit, got "lenet"',
    ],
    [
      "one of several kinds",
      good.replace("{set: synthetic}", "{set: synthetic, classes: 3}"),
      "study.yaml:4:26: upstream.data.classes: expected string or array, got 3",
    ],
    [
      "inside a schedule",
      good.replace("    steps: 10\n", "    steps: 10\n    schedule: {kind: cosin}\n"),
      'study.yaml:10:16: downstream.recipe.schedule.kind: expected constant, cosine, linear or step, got "cosin"',
    ],
    ["text for fields", "hello", 'study.yaml:1:1: expected fields like "name: value", found text'],
    ["a list for fields", "- 1\n- 2\n", 'study.yaml:1:1: expected fields like "name: value", found a list'],
    ["an empty file", "", "study.yaml: name is missing (and 4 more)"],
    // What is no YAML.
    [
      "a bracket that is not closed",
      good.replace("[16, 16]}", "[16, 16}"),
      "study.yaml:2:35: Flow sequence in block collection must be sufficiently indented and end with a ] — the file must be YAML",
    ],
    [
      "a tab",
      "name: x\n\tmodel: y\n",
      "study.yaml:2:1: Tabs are not allowed as indentation — the file must be YAML",
    ],
    [
      "a field twice",
      `${good}name: again\n`,
      "study.yaml:11:1: Map keys must be unique — the file must be YAML",
    ],
    [
      "two documents",
      `${good}---\n${good}`,
      'study.yaml:11:1: a second document begins with "---", but one is expected — the file must be YAML',
    ],
    [
      "an alias of nothing",
      "name: *nobody\n",
      'study.yaml:1:7: nothing before "*nobody" is marked "&nobody" — write the values out',
    ],
    // What would reach into the program.
    [
      "a prototype",
      `${good}__proto__: {polluted: 1}\n`,
      'study.yaml:11:1: there is no field "__proto__" — nearest: question, model, upstream',
    ],
  ])("%s", (_, text, wanted) => {
    expect(complaint(text)).toBe(wanted);
  });

  test("a billion laughs are stopped at once", () => {
    const names = Array.from("abcdefghij");
    const lines = names.map((name, i) => {
      const items = Array.from({ length: 10 }, () => (i === 0 ? "ha" : `*${names[i - 1]!}`));
      return `${name}: &${name} [${items.join(", ")}]`;
    });
    const begun = performance.now();
    expect(complaint(lines.join("\n"))).toBe(
      'study.yaml:2:8: the aliases ("*name") of this file stand for too much, or are nested too deeply — write the values out',
    );
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  test("lists nested thousands deep do not end the program", () => {
    expect(complaint(`a: ${"[".repeat(20_000)}`)).toMatch(
      /^study\.yaml:1:\d+: fields or lists are nested too deeply — the file must be YAML$/,
    );
  });
});
