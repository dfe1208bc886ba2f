import { expect, it } from 'vitest';
import { parseXml, xmlAt, xmlText } from './xml.ts';

const rules = `<?xml version="1.0" encoding="UTF-8"?>
<DescribeRulesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
  <!-- two -->
  <DescribeRulesResult>
    <Rules>
      <member><RuleArn>arn:aws:a&amp;b</RuleArn><Conditions/></member>
      <member kind='x'><RuleArn> &lt;&#65;&#x42;&gt; </RuleArn></member>
    </Rules>
  </DescribeRulesResult>
  <ns:RequestId>R-1</ns:RequestId>
</DescribeRulesResponse>
`;

it('reads elements and text', () => {
  const root = parseXml(rules);
  expect(root.name).toBe('DescribeRulesResponse');
  const members = xmlAt(root, 'DescribeRulesResult', 'Rules')!.children;
  expect(members.map((one) => xmlText(one, 'RuleArn'))).toEqual(['arn:aws:a&b', '<AB>']);
  expect(xmlAt(members[0]!, 'Conditions')).toEqual({ name: 'Conditions', children: [], text: '' });
  expect(xmlText(root, 'RequestId')).toBe('R-1');
  expect(xmlText(root, 'DescribeRulesResult', 'None', 'At')).toBeUndefined();
  expect(xmlText(root, 'DescribeRulesResult')).toBeUndefined();
});

it('reads attributes', () => {
  const root = parseXml(`<a><b c="1 &amp; &quot;2&quot;" d='"' x:e = ""/><b f="g">h</b></a>`);
  expect(root.children.map(({ attributes }) => attributes)).toEqual([{ c: '1 & "2"', d: '"', 'x:e': '' }, { f: 'g' }]);
  expect(root.attributes).toBeUndefined();
});

it('takes CDATA as it is', () => {
  expect(parseXml('<a>1 &lt; <![CDATA[2 < 3 & ]]>x</a>').text).toBe('1 < 2 < 3 & x');
});

it.each([
  '',
  'text',
  '<a>',
  '<a></b>',
  '<a><b></a></b>',
  '<a/><b/>',
  '<a/>text',
  '<a>&nbsp;</a>',
  '<a>a & b</a>',
  '<a>&#0;</a>',
  '<a>&#xD800;</a>',
  '<a>&constructor;</a>',
  '<a x=1/>',
  '<!DOCTYPE a [<!ENTITY b "c">]><a/>',
  '<a><![CDATA[x]></a>',
  '<a><!ELEMENT b></a>',
  '<a><?php x ?></a>',
  '<a><!-- -- --></a>',
  '<html><body><br></body></html>',
  '<a>'.repeat(100) + '</a>'.repeat(100),
])('refuses %j', (text) => {
  expect(() => parseXml(text)).toThrow();
});

it.each([
  '<!DOCTYPE a><a/>',
  '<!DOCTYPE a SYSTEM "https://ca.test/a.dtd"><a/>',
  '<?php x ?><a/>',
  '<a/><?php x ?>',
  '<a>'.repeat(62) + '</a>'.repeat(62),
  '<a>'.repeat(1_000_000),
  '<a b="1" b="2"/>',
  '<a>\u0001</a>',
  '<a>&#xFFFE;</a>',
])(
  'refuses a document type, an instruction, a deep tree, a name used twice and what is no character: %.60j',
  (text) => {
    expect(() => parseXml(text)).toThrow();
  },
);

it('reads as deep as it may be, and from where the text begins', () => {
  expect(parseXml('<a>'.repeat(61) + '</a>'.repeat(61)).name).toBe('a');
  expect(parseXml('\ufeff\r\n<?xml version="1.0"?>\r\n<a>1\r\n2\r3&#13;4</a>').text).toBe('1\n2\n3\r4');
});

it('takes an answer of line ends in no time', () => {
  expect(parseXml(`<a>${'\r'.repeat(1_000_000)}</a>`).text).toBe('');
});

it('reads a large answer in no time', () => {
  const text = `<a>${'<b><c>x &amp; y</c></b>'.repeat(20_000)}</a>`;
  expect(parseXml(text).children).toHaveLength(20_000);
  expect(() => parseXml(`<a ${'b '.repeat(50_000)}`)).toThrow();
});
