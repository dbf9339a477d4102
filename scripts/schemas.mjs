/**
 * Makes a function of every schema in docs/schema that says whether a value keeps to it, once: base/accepts.gen.ts, which
 * bundles and tests import. Making them at each start took a third of what `casemate gate` takes. Why a value does not is
 * said by the schema library at run time (base/json-schema.ts). Does nothing when the file is newer than the schemas.
 */
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, 'base/accepts.gen.ts');
const folder = join(root, 'docs/schema');

/** `evidence.schema.json` is `evidence`. */
const nameOf = (file) => file.replace(/\.schema\.json$/, '').replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase());

function isFresh(files) {
  if (!existsSync(output)) return false;
  const made = statSync(output).mtimeMs;
  const inputs = [...files.map((file) => join(folder, file)), fileURLToPath(import.meta.url), folder];
  return [...inputs, join(root, 'package-lock.json')].every((path) => statSync(path).mtimeMs < made);
}

/** A module that exports the function for one schema. */
function moduleOf(file) {
  const schema = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  // Schemas themselves are checked by tests.
  const ajv = new Ajv({
    messages: false,
    validateSchema: false,
    strictTypes: false,
    code: { source: true, esm: true },
  });
  return standalone.default(ajv, ajv.compile(schema));
}

/** Throws what is wrong with a schema. */
export async function buildSchemas() {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.schema.json'))
    .sort();
  if (isFresh(files)) return;
  const entry = files.map((file) => `export { default as ${nameOf(file)} } from '${file}';`).join('\n');
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root },
    bundle: true,
    write: false,
    format: 'esm',
    minify: true,
    platform: 'node',
    target: 'node20',
    charset: 'ascii',
    plugins: [
      {
        name: 'schemas',
        setup(plugin) {
          plugin.onResolve({ filter: /\.schema\.json$/ }, ({ path }) => ({ path, namespace: 'schema' }));
          plugin.onLoad({ filter: /./, namespace: 'schema' }, ({ path }) => ({
            contents: moduleOf(path),
            resolveDir: root,
          }));
        },
      },
    ],
  });
  writeFileSync(`${output}.tmp`, `// @ts-nocheck\n/** Made by scripts/schemas.mjs. */\n${outputFiles[0].text}`);
  renameSync(`${output}.tmp`, output);
}
