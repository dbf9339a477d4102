/**
 * What the claims rest on: assumptions, code that has to be right, inputs, tools, and what the tools said of things that
 * are false.
 */
import type { Evidence, EvidenceAssumption, TcbComponent } from '../evidence.ts';
import { type Html, html } from './html.ts';
import type { ReportInput } from './input.ts';
import { badge, code, facts, grouped, hashText, lines, plural, type Section, sizeText, table } from './parts.ts';

const kinds: Readonly<Record<EvidenceAssumption['kind'], string>> = {
  proof: 'Proofs take for granted',
  audit: 'That the image has what was proved takes for granted',
  erasure: 'Erasure takes for granted',
  wipe: 'Wipes take for granted',
  validation: 'Translation validation takes for granted',
  waiver: 'The manifest lets pass',
  kernel: 'Of the kernel, and where it runs',
};

export function assumptionsSection({ evidence: { assumptions } }: ReportInput): Section {
  const base = { id: 'assumptions', title: 'Assumptions' };
  const groups = (Object.keys(kinds) as EvidenceAssumption['kind'][]).flatMap((kind): Html[] => {
    const own = assumptions.filter((one) => one.kind === kind);
    if (own.length === 0) return [];
    return [
      html`<h3>${kinds[kind]}</h3>${lines(
        own.map(({ about, text }) => html`${about === undefined ? undefined : html`${code(about)}: `}${text}`),
        200,
        'assumption',
      )}`,
    ];
  });
  const body = html`<p>What is believed here and was not shown. Where one of these is not so, what rests on it need not hold.</p>
${groups.length === 0 ? html`<p>None is recorded.</p>` : groups}`;
  return { ...base, sum: badge('plain', plural(assumptions.length, 'assumption')), body };
}

const components: Readonly<Record<TcbComponent, string>> = {
  application: 'application',
  verified: 'verified TypeScript',
  library: 'libraries',
  platform: 'platform layer',
  'stage-0': 'start-up code',
  veneers: 'veneers that wipe',
  other: 'made by the linker',
};

export function tcbSection({ evidence: { tcb } }: ReportInput): Section {
  const trusted = tcb.filter(({ component }) => component !== 'verified').reduce((sum, one) => sum + one.codeBytes, 0);
  const all = tcb.reduce((sum, one) => sum + one.codeBytes, 0);
  const share = (bytes: number): string => (all === 0 ? '' : `${Math.round((bytes / all) * 100)} %`);
  const number = (title: string) => ({ title, isNumber: true });
  const body = html`<p>Code in the image by where it comes from. All but verified TypeScript has to be right for the claims to hold:
${sizeText(trusted)} of ${sizeText(all)}.</p>
${table({
  caption: 'Code in the image, by component',
  columns: [
    'Component',
    number('Code'),
    number('Share'),
    number('Functions'),
    number('Objects'),
    number('Lines of source'),
  ],
  rows: tcb.map(({ component, objects, codeBytes, functions, sourceLines }) => [
    components[component],
    sizeText(codeBytes),
    share(codeBytes),
    grouped(functions),
    grouped(objects),
    sourceLines === undefined ? 'not read' : grouped(sourceLines),
  ]),
})}`;
  return { id: 'tcb', title: 'Trusted code', sum: badge('plain', sizeText(trusted)), body };
}

function controlsTable({ controls }: Evidence): Html {
  if (controls.length === 0)
    return html`<p>No false claim was put to the tools of this build, to see them reject it.</p>`;
  return table({
    caption: 'False claims that were put to the tools of this build, and what they said',
    columns: ['Claim', 'Tool', 'Must say', 'Said', 'Verdict'],
    rows: controls.map(({ name, tool, expected, found }) => [
      name,
      tool,
      code(expected),
      code(found),
      expected === found ? badge('good', 'rejected') : badge('bad', 'not rejected'),
    ]),
  });
}

function phasesTable({ measurements }: ReportInput): Html | undefined {
  if (measurements === undefined) return undefined;
  return table({
    caption: 'How long each phase of the build took where it was built',
    columns: ['Phase', { title: 'Milliseconds', isNumber: true }],
    rows: measurements.phases.map(({ phase, milliseconds }) => [phase, grouped(milliseconds)]),
  });
}

export function originSection(input: ReportInput): Section {
  const { inputs, tools, controls } = input.evidence;
  const bad = controls.some(({ expected, found }) => expected !== found);
  const body = html`${facts([
    ['casemate', html`${tools.casemate.version}, ${hashText(tools.casemate.sha256)}`],
    ['Node.js', tools.node],
    ['Compiler', tools.compiler ?? 'nothing was compiled'],
    ['Solvers', tools.solvers.length === 0 ? 'none was asked' : tools.solvers.join(', ')],
    ['Packages', tools.packages.map(({ name, version }) => `${name} ${version}`).join(', ')],
  ])}
<h3>Were the tools awake?</h3>
${controlsTable(input.evidence)}
<h3>Inputs</h3>
${table({
  caption: 'Every file that the build read, and every object that it made',
  columns: ['Name', 'Kind', { title: 'Size', isNumber: true }, 'SHA-256'],
  rows: inputs.map(({ kind, name, sha256, size }) => [code(name), kind, sizeText(size), hashText(sha256)]),
})}
${phasesTable(input)}`;
  return {
    ...{ id: 'origin', title: 'Inputs and tools', body, isOpen: false },
    sum: badge(bad ? 'bad' : 'plain', plural(inputs.length, 'input')),
  };
}
