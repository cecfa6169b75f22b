// Holds Kubernetes objects against the schemas of kubernetes-models and @kubernetes-models/prometheus-operator.
//
//   node validate.mjs NODE_MODULES      for each line of input, a list of objects, a line with a list of complaints for each of them
//
// These schemas say what is required and of which type, and let unknown keys pass. A key that the validator never read is one
// that the schema does not know: the objects are handed over in a Proxy that remembers which were read.
import {readFileSync} from "node:fs";
import {pathToFileURL} from "node:url";
import {resolve} from "node:path";
import {createInterface} from "node:readline";

const modules = resolve(process.argv[2]);

function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const children = new Map();
  for (const key of Object.keys(value)) {
    const at = `${path}/${key}`;
    if (!Array.isArray(value)) unread.add(at);
    children.set(key, watched(value[key], at, unread));
  }
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return children.has(key) ? children.get(key) : Reflect.get(target, key);
    },
  });
}

async function validator(object) {
  const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
  const base = group === "monitoring.coreos.com" ? "@kubernetes-models/prometheus-operator" : "kubernetes-models";
  const file = [modules, base, group, version, `${object.kind}.js`].filter((part) => part !== "").join("/");
  const source = readFileSync(file, "utf8");
  const schema = /from\s*"(\.[^"]*_schemas\/[^"]+)"/.exec(source)[1];
  return (await import(new URL(schema, pathToFileURL(file)).href)).validate;
}

async function complaintsAbout(object) {
  const complaints = [];
  try {
    const validate = await validator(object);
    const unread = new Set();
    if (!validate(watched(object, "", unread))) {
      complaints.push(...validate.errors.map((error) => `${error.instancePath}: ${error.keyword} ${JSON.stringify(error.params)}`));
    }
    // What lies beneath an unknown key is unknown too: one complaint is enough.
    for (const path of unread) {
      if (!unread.has(path.replace(/\/[^/]*$/, ""))) complaints.push(`${path}: unknown key`);
    }
  } catch (error) {
    complaints.push(`no schema for ${object.apiVersion} ${object.kind}: ${error.message}`);
  }
  return complaints;
}

for await (const line of createInterface({input: process.stdin})) {
  const results = [];
  for (const object of JSON.parse(line)) results.push(await complaintsAbout(object));
  console.log(JSON.stringify(results));
}
