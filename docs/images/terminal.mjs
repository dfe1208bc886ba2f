#!/usr/bin/env node
// A picture of a terminal from what a program wrote to one, colours and all. It needs Debian's librsvg2-bin and pngquant.
//
//   script -qec 'npm run -s demo' demo.typescript
//   node docs/images/terminal.mjs demo.typescript docs/images/demo.png 'A kill -9' 'Everything worked'
//
// The third argument begins the part that is shown; a fourth one ends it.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [, , input, output, from = '', to = ''] = process.argv;
if (input === undefined || output === undefined) throw new Error('terminal.mjs TYPESCRIPT PICTURE.png [FROM [TO]]');

// GitHub's dark theme: legible on both a light and a dark page.
const colours = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 36: '#79c0ff' };
const [ground, ink, faint] = ['#0d1117', '#e6edf3', '#8b949e'];
const [letter, line, margin] = [8.43, 20, 20]; // DejaVu Sans Mono at 14 px

const bare = (text) => text.replaceAll(/\u001b\[[0-9;]*m/g, '');
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const lines = readFileSync(input, 'utf8')
  .split(/\r*\n/)
  .filter((text) => !/^Script (started|done)/.test(text));
const first = Math.max(
  0,
  lines.findIndex((text) => bare(text).includes(from)),
);
const rest = lines.slice(first);
const last = to === '' ? rest.length : rest.findIndex((text) => bare(text).includes(to)) + 1;
const shown = rest.slice(0, last);
while (shown.length > 0 && bare(shown.at(-1)).trim() === '') shown.pop();

/** One line as tspans; text of one style each. */
function spans(text) {
  let style = { colour: ink, bold: false };
  return text
    .split(/(\u001b\[[0-9;]*m)/)
    .map((part) => {
      const codes = /^\u001b\[([0-9;]*)m$/.exec(part)?.[1];
      if (codes === undefined)
        return part === ''
          ? ''
          : `<tspan fill="${style.colour}"${style.bold ? ' font-weight="bold"' : ''}>${escaped(part)}</tspan>`;
      for (const code of codes.split(';').map(Number)) {
        if (code === 0) style = { colour: ink, bold: false };
        else if (code === 1) style = { ...style, bold: true };
        else if (code === 2) style = { ...style, colour: faint };
        else if (code === 22) style = { ...style, bold: false, colour: style.colour === faint ? ink : style.colour };
        else if (code === 39) style = { ...style, colour: ink };
        else if (code in colours) style = { ...style, colour: colours[code] };
      }
      return '';
    })
    .join('');
}

const width = Math.ceil(Math.max(...shown.map((text) => bare(text).length)) * letter) + 2 * margin;
const height = shown.length * line + 2 * margin;
const text = shown
  .map(
    (row, index) => `<text x="${margin}" y="${margin + index * line + 14}" xml:space="preserve">${spans(row)}</text>`,
  )
  .join('\n');
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<rect width="100%" height="100%" rx="8" fill="${ground}"/>
<g font-family="DejaVu Sans Mono" font-size="14">
${text}
</g></svg>`;
const picture = execFileSync('rsvg-convert', ['--format', 'png', '--zoom', '1.5'], { input: svg, maxBuffer: 1 << 26 });
// Text needs few colours: a sixth of the size.
execFileSync('pngquant', ['--force', '--output', output, '32', '-'], { input: picture });
