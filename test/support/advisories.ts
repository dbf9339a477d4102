/** Advisories in the OSV format, with what the published ones of these ids say. */

export interface OsvText {
  readonly id: string;
  readonly modified: string;
  readonly aliases?: readonly string[];
  readonly withdrawn?: string;
  readonly affected?: readonly object[];
}

/** One range of versions. */
export const range = (type: string, ...events: object[]): object => ({ type, events });

export const affectedPackage = (ecosystem: string, name: string, ...ranges: object[]): object => ({
  ...{ package: { ecosystem, name }, ranges },
});

/** openssl in Debian 12; fixed in a security update. */
export const openssl: OsvText = {
  ...{ id: 'DSA-5764-1', modified: '2025-05-19T14:03:07Z', aliases: ['CVE-2024-6119'] },
  affected: [
    affectedPackage('Debian:12', 'openssl', range('ECOSYSTEM', { introduced: '0' }, { fixed: '3.0.14-1~deb12u2' })),
  ],
};

/** zlib's minizip: not fixed in Debian 12, fixed in 13. */
export const zlib: OsvText = {
  ...{ id: 'DEBIAN-CVE-2023-45853', modified: '2025-11-19T02:04:06Z', aliases: ['CVE-2023-45853'] },
  affected: [
    affectedPackage('Debian:12', 'zlib', range('ECOSYSTEM', { introduced: '0' })),
    affectedPackage('Debian:13', 'zlib', range('ECOSYSTEM', { introduced: '0' }, { fixed: '1:1.3.dfsg-3.1' })),
  ],
};

/** semver of npm: three lines of releases, each fixed by itself. */
export const semver: OsvText = {
  ...{ id: 'GHSA-c2qf-rxjj-qqgw', modified: '2024-12-06T00:20:01.123Z', aliases: ['CVE-2022-25883'] },
  affected: [
    affectedPackage('npm', 'semver', range('SEMVER', { introduced: '7.0.0' }, { fixed: '7.5.2' })),
    affectedPackage('npm', 'semver', range('SEMVER', { introduced: '6.0.0' }, { fixed: '6.3.1' })),
    affectedPackage('npm', 'semver', range('SEMVER', { introduced: '0' }, { fixed: '5.7.2' })),
  ],
};

export const osvBytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
