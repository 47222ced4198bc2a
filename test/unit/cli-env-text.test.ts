import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse as parseAsDotenv } from 'dotenv';
import { shellLines } from '../../src/cli/config-text.ts';
import { decodeText } from '../../src/cli/decode-text.ts';
import { parseEnvText } from '../../src/cli/env-text.ts';

/** The values of a text in which every line can be read. */
function values(text: string): Readonly<Record<string, string>> {
  const { vars, bad } = parseEnvText(text);
  assert.deepEqual(bad, [], text);
  return Object.fromEntries(vars);
}

/** The lines that cannot be read, with the reasons. */
function bad(text: string): readonly string[] {
  return parseEnvText(text).bad.map(({ line, reason }) => `${line} ${reason}`);
}

describe('a .env file', () => {
  it('has comments that begin after a blank only', () => {
    assert.deepEqual(
      values(`# first
  # second
PW=p@ss#word1
COLOR=#ff0000
URL=https://example.com/#/home?a=b#c
NOTED=value # a comment
TABBED=value\t#a comment
ONLY= # a comment
HASHES=a#b#c ## d
QUOTED="a # b" # c
SINGLE='a # b'\t# c
`),
      {
        PW: 'p@ss#word1',
        COLOR: '#ff0000',
        URL: 'https://example.com/#/home?a=b#c',
        NOTED: 'value',
        TABBED: 'value',
        ONLY: '',
        HASHES: 'a#b#c',
        QUOTED: 'a # b',
        SINGLE: 'a # b',
      },
    );
  });

  it('is read as people write it', () => {
    const cases: readonly (readonly [text: string, value: string])[] = [
      ['A=1', '1'],
      ['export A=1', '1'],
      ['  export\tA = 1  ', '1'],
      ['A: 1', '1'],
      ['A:   http://x:80/ ', 'http://x:80/'],
      ['A=', ''],
      ['A=""', ''],
      ["A=''", ''],
      ['A=x=y==', 'x=y=='],
      ['A=postgres://u:p=w@h/db?a=b&c=d', 'postgres://u:p=w@h/db?a=b&c=d'],
      ['A=two words', 'two words'],
      ['A="  kept  "  ', '  kept  '],
      ["A=it's", "it's"],
      ['A=say "hi"', 'say "hi"'],
      ['A={"a": "b"}', '{"a": "b"}'],
      ['A=C:\\new\\table', 'C:\\new\\table'],
      ['A="C:\\\\new"', 'C:\\new'],
      ['A="\\d+\\t\\.x"', '\\d+\\t\\.x'],
      ['A="line\\nline\\r"', 'line\nline\r'],
      ['A="not\\\\n"', 'not\\n'],
      ['A="say \\"hi\\""', 'say "hi"'],
      ['A="$HOME \\$X ${Y} $(id)"', '$HOME $X ${Y} $(id)'],
      ['A="it\'s \\"5\\$\\" \\`now\\`\\!\\nbye"', 'it\'s "5$" `now`!\nbye'],
      ["A='C:\\'", 'C:\\'],
      ["A='$X \\n \"'", '$X \\n "'],
      ["A='it'\\''s'", "it's"],
      ['A=`it\'s "so"`', 'it\'s "so"'],
      ['A="-----BEGIN\nabc+/=\n-----END\n"', '-----BEGIN\nabc+/=\n-----END\n'],
      ["A='# no comment\nB=2'", '# no comment\nB=2'],
      ['A=\u00a0x', '\u00a0x'],
      ['A=Grüße 🚀', 'Grüße 🚀'],
    ];
    for (const [text, value] of cases) {
      assert.deepEqual(values(text), { A: value }, text);
      assert.deepEqual(values(`B=0\n${text}\n\nC=3`), { B: '0', A: value, C: '3' }, text);
    }
  });

  it('with CRLF line ends has line breaks of LF in its values', () => {
    assert.deepEqual(values('A=1\r\n# c\r\nB="x\r\ny"\r\nC=\'z\' # c\r\n'), { A: '1', B: 'x\ny', C: 'z' });
    assert.deepEqual(values('A=1\r\nB="x\r\ny"\n'), { A: '1', B: 'x\r\ny' });
  });

  it('has every line that cannot be read, with its number and nothing of its text', () => {
    assert.deepEqual(
      bad(`A=1
just words
=value
1A=x
my-key=x
export A
A B=2
env:
B="x" y
C='one
two' three
D=a\0b
=== shop Config Vars
E="ok"#no
F=1\r2`),
      [
        '2 has no =.',
        '3 has no name before its =: a name has letters, digits and _, and does not begin with a digit.',
        '4 has no name before its =: a name has letters, digits and _, and does not begin with a digit.',
        '5 has no name before its =: a name has letters, digits and _, and does not begin with a digit.',
        '6 has no =.',
        '7 has no name before its =: a name has letters, digits and _, and does not begin with a digit.',
        '8 has no =.',
        '9 goes on after the closing quote.',
        '11 goes on after the closing quote of the value that begins on line 10.',
        '12 holds a NUL byte. If the file is UTF-16, save it as UTF-8.',
        '13 has no name before its =: a name has letters, digits and _, and does not begin with a digit.',
        '14 goes on after the closing quote.',
        '15 holds a carriage return. Put the value in quotes.',
      ],
    );
    assert.deepEqual(bad('A=1\nB="never closed\nC=3\n'), ['2 opens a quote " that is never closed.']);
    assert.deepEqual(bad("A='a'\\''b\nC=3\n"), ["1 opens a quote ' that is never closed."]);
    assert.deepEqual(bad('A="x\\"'), ['1 opens a quote " that is never closed.']);
  });

  it('says which names it sets more than once', () => {
    const { vars, repeated } = parseEnvText('A=1\nB=2\nA=3\n');
    assert.deepEqual(Object.fromEntries(vars), { A: '3', B: '2' });
    assert.deepEqual(repeated, [{ name: 'A', lines: [1, 3] }]);
  });

  it('says which values hold a reference that other readers expand', () => {
    const { unexpanded } = parseEnvText(`
NAME=Shop
BRACES="\${NAME} mail"
UNQUOTED=\${OTHER:-x}
PLAIN=$NAME
PARTS='a'"$NAME"
COMMAND=$(hostname)
ESCAPED="\\\${NAME} \\$NAME"
SINGLE='\${NAME}'
BACKTICK=\`\${NAME}\`
HASH=$2y$10$abcNAME
PASSWORD=pa$$word$
LONGER=$NAMES
NAMED=\${NAME}
NAMED=now without
`);
    assert.deepEqual(unexpanded, ['BRACES', 'UNQUOTED', 'PLAIN', 'PARTS', 'COMMAND']);
  });

  it('gives back what config --shell printed, byte for byte', () => {
    const pieces = ["'", '"', '`', '\\', '\n', '\r', '\r\n', ' #', '#', '=', '$', ' ', '\t', 'a', '\\n', 'é', '🚀', ''];
    let seed = 1;
    const next = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let i = 0; i < 3000; i++) {
      const vars = Array.from({ length: 1 + next(3) }, (_, n) => {
        const value = Array.from({ length: next(8) }, () => pieces[next(pieces.length)]).join('');
        return [`V${n}`, value] as const;
      });
      const text = `${shellLines(vars)}${next(2) === 0 ? '\n' : ''}`;
      assert.deepEqual(values(text), Object.fromEntries(vars), JSON.stringify(text));
    }
  });

  it('means what it means to dotenv, except for what the documentation names', () => {
    const text = `# comment
PLAIN=value # not this
  export SPACED = a b
EMPTY=
SINGLE='$not {expanded} # kept'
DOUBLE="line one\\nline two"
MULTI="-----BEGIN
END-----"
BACKTICKS=\`it's "so"\`
YAML: value
EQUALS=a=b==
JSON={"a":[1]}
`;
    assert.deepEqual(values(text), { ...parseAsDotenv(text) });
  });

  it('of a megabyte is read at once', () => {
    const text = `A="${'\\"x'.repeat(200_000)}"\n${"B='x'\\''y'\n".repeat(20_000)}${'C=x # y\n'.repeat(20_000)}`;
    assert.equal(values(text).C, 'x');
  });
});

describe('the bytes of a text', () => {
  it('are UTF-8, or UTF-16 with its mark', () => {
    const text = 'A=Grüße\r\nB=2\n';
    const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le');
    assert.deepEqual(decodeText(Buffer.from(text)), { text });
    assert.deepEqual(decodeText(Buffer.from(`\ufeff${text}`)), { text });
    assert.deepEqual(decodeText(utf16), { text });
    assert.deepEqual(decodeText(Buffer.from(utf16).swap16()), { text });
    assert.deepEqual(decodeText(Buffer.from('A=1\nB=\xe9\n\nC=\xff', 'latin1')), { badLines: [2, 4] });
  });
});
