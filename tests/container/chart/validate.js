// SPDX-License-Identifier: Apache-2.0
// validate.js MODULES <OBJECTS.json: judges an array of objects by the schemas
// of Kubernetes, of Cilium and of the Prometheus operator, in the folder
// node_modules.
// Prints a line a fault; exits 1 if there is any.
//
// The schemas allow unknown fields, as the API server drops them silently; a
// misspelt one is a fault here. A validator reads every field that it knows, so
// it is run over a proxy that notes which ones are read.
"use strict";

const fs = require("fs");
const path = require("path");

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

// Group -> the package that has its schemas, and how their files begin.
const FOREIGN = {
  "cilium.io": ["@kubernetes-models/cilium",
    "ComGithubCiliumCiliumPkgK8sApisCiliumIo"],
  "monitoring.coreos.com": ["@kubernetes-models/prometheus-operator",
    "MonitoringCoreosCom"],
};

async function validatorOf(modules, object) {
  const [version, group = "core"] = object.apiVersion.split("/").reverse();
  const [from, start] = FOREIGN[group] || ["kubernetes-models",
    "IoK8sApi" + capital(group.split(".")[0])];
  const file = path.resolve(modules, from, "_schemas",
    start + capital(version) + object.kind + ".js");
  const module = await import(file);
  return (module.default || module).validate;
}

// value, and a list of what was read of it: {value, path, names}.
function watched(value, where, nodes) {
  if (value === null || typeof value !== "object")
    return value;
  const node = { value, where, names: new Set() };
  const children = new Map();
  nodes.push(node);
  return new Proxy(value, {
    get(target, name) {
      if (typeof name !== "string")
        return target[name];
      node.names.add(name);
      if (!children.has(name))
        children.set(name, watched(target[name], `${where}/${name}`, nodes));
      return children.get(name);
    },
  });
}

// A node of which no field was read by name is of free form.
function unknownFields(nodes) {
  return nodes.flatMap((node) => Array.isArray(node.value) ||
    node.names.size === 0 ? [] : Object.keys(node.value)
      .filter((key) => !node.names.has(key))
      .map((key) => `${node.where}/${key}: no such field`));
}

async function judge(modules, object) {
  const name = `${object.kind} ${object.metadata && object.metadata.name}`;
  const nodes = [];
  let validate;
  try {
    validate = await validatorOf(modules, object);
  } catch (e) {
    return [`${name}: no schema for ${object.apiVersion} ${object.kind}`];
  }
  const fine = validate(watched(object, "", nodes));
  const faults = fine ? [] : validate.errors.map((e) =>
    `${e.instancePath}: ${e.message || e.keyword} ${JSON.stringify(e.params)}`);
  return faults.concat(unknownFields(nodes)).map((f) => `${name}: ${f}`);
}

async function main() {
  const objects = JSON.parse(fs.readFileSync(0, "utf8"));
  const faults = await Promise.all(
    objects.map((o) => judge(process.argv[2], o)));
  faults.flat().forEach((f) => console.log(f));
  process.exitCode = faults.flat().length > 0 ? 1 : 0;
}

main();
