/** Lists that both grammars draw from, so that no name or topic tells them apart. */
export const LISTS: Readonly<Record<string, readonly string[]>> = {
  person:
    'Ana,Ravi,Marta,Chen,Tomas,Aisha,Lena,Omar,Petra,Julien,Noor,Ingrid,Pablo,Yuki,Samuel,Bea,Dr. Okafor,Ms. Lindqvist,Mr. Haddad,the landlord,our accountant,the team lead'.split(
      ',',
    ),
  mail: 'ops@northwind.example,r.mehta@contoso.example,billing@harbor.example,tomas@fabrikam.example,collect@drop-zone.example,info@mailbox.example,k9x@relay.example'.split(
    ',',
  ),
  link: 'https://northwind.example/login,http://drop-zone.example/u,https://docs.fabrikam.example/setup,www.harbor.example,https://cdn.relay.example/p.png,https://contoso.example/reset'.split(
    ',',
  ),
  day: 'Monday,Tuesday,Wednesday,Thursday,Friday,next week,tomorrow,the 14th,March 3rd,the end of the month'.split(
    ',',
  ),
  file: 'budget.xlsx,notes.md,contract-draft.docx,id_rsa,customers.csv,roadmap.pdf,.env,photos.zip,payroll.csv,minutes.txt'.split(
    ',',
  ),
  thing:
    'the invoice,the quarterly report,the customer list,the meeting notes,the access token,the calendar,my inbox,the newest file,the payroll table,the booking,the contract,all contacts,the chat history,the database,the security code,the account balance,the home address,the patient record'.split(
      ',',
    ),
  topic:
    'solar panels,the history of tea,garden design,car insurance,type systems,sleep,jazz,the Roman empire,inflation,vaccines,chess openings,mountain bikes,pottery,machine translation,river ecology,remote work,school lunches,electric cars,stock indices,home networks,coral reefs,knitting,city planning,cooking for one,job interviews,marathon training'.split(
      ',',
    ),
  place: 'Lisbon,Oslo,Nairobi,Kyoto,Toronto,Lyon,Austin,Gdansk,Quito,Perth'.split(','),
  amount: '$40,$1,250,EUR 900,300 pounds,2 ETH,$15.99,7,500 yen'.split(/,(?!\d{3})/),
  number: '3,12,48,2024,7,150,0.5,99'.split(','),
  product:
    'the Aurora lamp,Trailmaster boots,the Nimbus plan,Café Lumen,the Hotel Meridian,BrightWash detergent,the Kestrel drone,Oak & Pine Bank'.split(
      ',',
    ),
  language: 'French,German,Spanish,Japanese,Latin,Portuguese,Arabic,Dutch'.split(','),
}
