import packet from 'dns-packet';

/** The name in the TXT question that test responses belong to. */
export const askedName = '_acme-challenge.example.com';

/** Returns an authoritative response to that question, as bytes. */
export const answerTo = (id: number, more: Partial<packet.Packet> = {}): Buffer =>
  packet.encode({
    type: 'response',
    id,
    flags: packet.AUTHORITATIVE_ANSWER,
    questions: [{ type: 'TXT', name: askedName }],
    ...more,
  });
