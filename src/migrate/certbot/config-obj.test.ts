import { describe, expect, it } from 'vitest';
import { listIn, parseConfigObj, textIn } from './config-obj.ts';

const read = (text: string) => Object.fromEntries(parseConfigObj(text, 'a.conf').values);

describe('parseConfigObj', () => {
  it.each([
    ['plain', 'a = b c', { a: 'b c' }],
    ['empty', 'a =', { a: '' }],
    ['a comment behind a value', 'a = b # c', { a: 'b' }],
    ['a comment needs a space', 'a = b#c', { a: 'b#c' }],
    ['quotes keep # and commas', `a = 'echo "#x", y'`, { a: 'echo "#x", y' }],
    ['double quotes', 'a = "it\'s"', { a: "it's" }],
    ['a list', 'a = /var/www/a, /var/www/b', { a: ['/var/www/a', '/var/www/b'] }],
    ['a list of one', 'a = dns-01,', { a: ['dns-01'] }],
    ['a list with quotes', 'a = "b, c", d', { a: ['b, c', 'd'] }],
    ['a quoted empty element', 'a = "", b', { a: ['', 'b'] }],
    ['three quotes', "a = '''one'\ntwo''' # end", { a: "one'\ntwo" }],
    ['three quotes inside', `a = '''echo "$x", '''y''' >> /z''' # '''`, { a: `echo "$x", '''y''' >> /z` }],
    ['quoted keys', '"a b" = c', { 'a b': 'c' }],
    ['an equals sign in a value', 'a = b=c', { a: 'b=c' }],
    ['Windows line ends and a mark', '\ufeffa = b\r\nc = d\r\n', { a: 'b', c: 'd' }],
    ['comments and blank lines', '# x\n\n  a = b', { a: 'b' }],
  ])('%s', (_, text, values) => expect(read(text)).toEqual(values));

  it('nests sections by their brackets', () => {
    const conf = parseConfigObj(
      'v = 4\n[renewalparams]\nk = 1\n[[webroot_map]]\nx.test = /a\n[other]\nz = 2',
      'a.conf',
    );
    expect([...conf.sections.keys()]).toEqual(['renewalparams', 'other']);
    const params = conf.sections.get('renewalparams');
    expect(textIn(params?.sections.get('webroot_map'), 'x.test')).toBe('/a');
    expect(textIn(conf.sections.get('other'), 'z')).toBe('2');
    expect([conf.places.get('v'), params?.places.get('k')]).toEqual(['a.conf:1', 'a.conf:3']);
  });

  it.each([
    ['a = "b', 'line 1 has a quote that is not closed'],
    ['a = b\nsecret', 'line 2 is not `key = value`'],
    ["x = y\na = '''b\nc", 'line 2 begins a text in three quotes that does not end'],
    ["a = '''b''' c", 'line 1 has something behind the text in three quotes'],
    ["a = '''b\nc''' d", 'line 2 has something behind the text in three quotes'],
    ['[[deep]]', 'line 1 is not the name of a section'],
    ['[a]]', 'line 1 is not the name of a section'],
  ])('%j: %s', (text, message) => expect(() => parseConfigObj(text, 'a.conf')).toThrow(message));

  it('reads None and an empty value as not given', () => {
    const section = parseConfigObj('a = None\nb =\nc = d, e', 'a.conf');
    expect([textIn(section, 'a'), textIn(section, 'b'), textIn(section, 'c')]).toEqual([undefined, undefined, 'd, e']);
    expect([listIn(section, 'a'), listIn(section, 'c')]).toEqual([[], ['d', 'e']]);
  });
});
