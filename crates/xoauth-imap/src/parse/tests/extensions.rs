//! Responses and codes of extensions; the examples of their RFCs first.

use super::*;

/// What the extensions' responses become; one that breaks its grammar is kept as it came.
#[test]
fn responses_of_extensions_are_told_apart() {
    let cases: [(&[u8], &str); 46] = [
        // RFC 2342, 5.
        (
            b"* NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")(\"#x\" NIL)) NIL\r\n",
            "Namespace(Namespaces { personal: [NamespaceEntry { prefix: Mailbox(\"\"), delimiter: Some(Delimiter('/')), \
             extensions: [] }], other_users: [NamespaceEntry { prefix: Mailbox(\"~\"), delimiter: Some(Delimiter('/')), \
             extensions: [] }, NamespaceEntry { prefix: Mailbox(\"#x\"), delimiter: None, extensions: [] }], shared: [] })",
        ),
        (b"* NAMESPACE NIL NIL\r\n", "Other"),
        (b"* NAMESPACE NIL NIL NIL x\r\n", "Other"),
        (b"* NAMESPACE ((\"\" \"/\" \"X\" ())) NIL NIL\r\n", "Other"),
        // RFC 2971, 3.2.
        (
            b"* ID (\"name\" \"Cyrus\" \"os\" NIL)\r\n",
            "Id(Identity([(\"name\", Some(\"Cyrus\")), (\"os\", None)]))",
        ),
        (b"* ID NIL\r\n", "Id(Identity([]))"),
        (b"* ID ()\r\n", "Id(Identity([]))"),
        (b"* ID (\"name\")\r\n", "Other"),
        (b"* ID\r\n", "Other"),
        // RFC 7162, 3.2.10.
        (
            b"* VANISHED (EARLIER) 41,43:45\r\n",
            "Vanished { earlier: true, uids: [(Uid(41), Uid(41)), (Uid(43), Uid(45))] }",
        ),
        (b"* vanished 405\r\n", "Vanished { earlier: false, uids: [(Uid(405), Uid(405))] }"),
        (b"* VANISHED (LATER) 1\r\n", "Other"),
        (b"* VANISHED\r\n", "Other"),
        (b"* VANISHED 1:*\r\n", "Other"),
        (b"* VANISHED 0\r\n", "Other"),
        // RFC 4314, 3.
        (
            b"* ACL INBOX Fred rwipslda\r\n",
            "AccessList(AccessList { mailbox: Mailbox(\"INBOX\"), entries: [(\"Fred\", Rights(rwipslda))] })",
        ),
        (b"* ACL INBOX\r\n", "AccessList(AccessList { mailbox: Mailbox(\"INBOX\"), entries: [] })"),
        (b"* ACL INBOX Fred\r\n", "Other"),
        (
            b"* LISTRIGHTS a smith \"\" l r\r\n",
            "RightsChoice(RightsChoice { mailbox: Mailbox(\"a\"), identifier: \"smith\", required: Rights(), \
             optional: [Rights(l), Rights(r)] })",
        ),
        // No right is required, and none is said to be.
        (
            b"* LISTRIGHTS a smith  l r\r\n",
            "RightsChoice(RightsChoice { mailbox: Mailbox(\"a\"), identifier: \"smith\", required: Rights(), \
             optional: [Rights(l), Rights(r)] })",
        ),
        (
            b"* LISTRIGHTS a smith \r\n",
            "RightsChoice(RightsChoice { mailbox: Mailbox(\"a\"), identifier: \"smith\", required: Rights(), optional: [] })",
        ),
        (b"* LISTRIGHTS a smith\r\n", "Other"),
        (
            b"* MYRIGHTS a rwi\r\n",
            "MyRights(MailboxRights { mailbox: Mailbox(\"a\"), rights: Rights(rwi) })",
        ),
        (b"* MYRIGHTS a\r\n", "Other"),
        (b"* MYRIGHTS a r w\r\n", "Other"),
        // RFC 5256, 4.
        (b"* SORT 2 84 882\r\n", "Sort([2, 84, 882])"),
        (b"* SORT\r\n", "Sort([])"),
        (b"* SORT 5 (MODSEQ 9)\r\n", "Sort([5])"),
        (b"* SORT x\r\n", "Other"),
        (b"* THREAD\r\n", "Thread(Threads { nodes: [] })"),
        (
            b"* THREAD (2 (3)(4))\r\n",
            "Thread(Threads { nodes: [ThreadNode { message: Some(2), parent: None }, \
             ThreadNode { message: Some(3), parent: Some(0) }, ThreadNode { message: Some(4), parent: Some(0) }] })",
        ),
        (b"* THREAD (0)\r\n", "Other"),
        (b"* THREAD (4294967296)\r\n", "Other"),
        (b"* THREAD 1 2\r\n", "Other"),
        // RFC 9208, 4.2.
        (
            b"* QUOTA \"\" (STORAGE 10 512)\r\n",
            "Quota(Quota { root: \"\", resources: [QuotaResource { kind: Storage, usage: 10, limit: 512 }] })",
        ),
        (b"* QUOTA \"\" ()\r\n", "Quota(Quota { root: \"\", resources: [] })"),
        (b"* QUOTA \"\" (STORAGE 10)\r\n", "Other"),
        (b"* QUOTA \"\" (STORAGE -1 5)\r\n", "Other"),
        (
            b"* QUOTAROOT INBOX a \"\"\r\n",
            "QuotaRoots(QuotaRoots { mailbox: Mailbox(\"INBOX\"), roots: [\"a\", \"\"] })",
        ),
        (b"* QUOTAROOT INBOX a(b\r\n", "Other"),
        // RFC 5464, 4.4.
        (
            b"* METADATA INBOX (/a \"v\" /b NIL /c {1}\r\nx)\r\n",
            "Metadata(Metadata { mailbox: Mailbox(\"INBOX\"), entries: [(\"/a\", Some(\"v\")), (\"/b\", None), \
             (\"/c\", Some(\"x\"))], changed: [] })",
        ),
        (
            b"* METADATA \"\" /a /b\r\n",
            "Metadata(Metadata { mailbox: Mailbox(\"\"), entries: [], changed: [\"/a\", \"/b\"] })",
        ),
        (b"* METADATA INBOX\r\n", "Other"),
        (b"* METADATA INBOX (/a)\r\n", "Other"),
        // RFC 9394, 3.1.
        (
            b"* ESEARCH PARTIAL (-1:-3 5:6)\r\n",
            "Esearch(Esearch { tag: None, mailbox: None, uid_validity: None, uid: false, min: None, max: None, count: None, all: None, mod_seq: None, \
             partial: Some(EsearchPart { places: (-1, -3), numbers: [(5, 6)] }), others: [] })",
        ),
        (b"* ESEARCH PARTIAL (1 5)\r\n", "Other"),
    ];
    for (text, expected) in cases {
        let found = match heard(text) {
            Event::Other { octets, .. } => {
                assert_eq!(*octets, *text[2..].strip_suffix(b"\r\n").unwrap());
                String::from("Other")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{}", text.escape_ascii());
    }
}

#[test]
fn codes_of_extensions_have_their_arguments() {
    let cases: [(&[u8], &str); 39] = [
        // RFC 5259, 9; RFC 2060, 7.1; RFC 4467, 8.
        (b"MAXCONVERTMESSAGES 5", "MaxConvertMessages(5)"),
        (b"MAXCONVERTPARTS 50", "MaxConvertParts(50)"),
        (b"MAXCONVERTPARTS many", "Other { name: \"MAXCONVERTPARTS\", rest: \"many\" }"),
        (b"NEWNAME blurdybloop \"new name\"", "NewName(\"blurdybloop \\\"new name\\\"\")"),
        (
            b"URLMECH INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==",
            "UrlMech(\"INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==\")",
        ),
        // IANA's list of IMAP response codes, by RFC: 4978, 5255, 5259, 4469, 5182, 5465, 6154, 9586.
        (b"COMPRESSIONACTIVE", "CompressionActive"),
        (b"BADCOMPARATOR", "BadComparator"),
        (b"TEMPFAIL", "TempFail"),
        (b"TOOBIG", "TooBig"),
        (b"NOTSAVED", "NotSaved"),
        (b"NOTIFICATIONOVERFLOW", "NotificationOverflow"),
        (b"USEATTR", "UseAttr"),
        (b"UIDREQUIRED", "UidRequired"),
        // RFC 5257, 5465, 4469, 5466, 5267.
        (b"ANNOTATIONS 20480", "Annotate(\"20480\")"),
        (b"ANNOTATE TOOBIG", "Annotate(\"TOOBIG\")"),
        (b"ANNOTATE", "Other { name: \"ANNOTATE\", rest: \"\" }"),
        (b"BADEVENT (FlagChange MessageNew)", "BadEvent(\"(FlagChange MessageNew)\")"),
        (b"BADURL /INBOX", "BadUrl(\"/INBOX\")"),
        (b"UNDEFINED-FILTER on-the-road", "UndefinedFilter(\"on-the-road\")"),
        (b"NOUPDATE \"B02\"", "NoUpdate(\"B02\")"),
        // RFC 9585, 5.
        (
            b"INPROGRESS (\"A001\" 175 1000)",
            "InProgress { tag: Some(\"A001\"), progress: Some(175), goal: Some(1000) }",
        ),
        (b"INPROGRESS (NIL NIL NIL)", "InProgress { tag: None, progress: None, goal: None }"),
        (b"INPROGRESS", "InProgress { tag: None, progress: None, goal: None }"),
        (b"INPROGRESS (1)", "Other { name: \"INPROGRESS\", rest: \"(1)\" }"),
        // RFC 8474, 4.
        (b"MAILBOXID (F2212ea87-6097)", "MailboxId(ObjectId(F2212ea87-6097))"),
        (b"MAILBOXID F2", "Other { name: \"MAILBOXID\", rest: \"F2\" }"),
        (b"MAILBOXID (a.b)", "Other { name: \"MAILBOXID\", rest: \"(a.b)\" }"),
        // RFC 9738, 3.
        (b"MESSAGELIMIT 1000 23221", "MessageLimit { limit: 1000, lowest_done: Some(Uid(23221)) }"),
        (b"MESSAGELIMIT 1000", "MessageLimit { limit: 1000, lowest_done: None }"),
        (b"MESSAGELIMIT x", "Other { name: \"MESSAGELIMIT\", rest: \"x\" }"),
        // RFC 5464, 4.2.1 and 4.3.
        (b"METADATA LONGENTRIES 2199", "MetadataLongEntries(2199)"),
        (b"METADATA MAXSIZE 1024", "MetadataMaxSize(1024)"),
        (b"METADATA TOOMANY", "MetadataTooMany"),
        (b"METADATA NOPRIVATE", "MetadataNoPrivate"),
        (b"METADATA X", "Other { name: \"METADATA\", rest: \"X\" }"),
        // RFC 7162, 3.1.3.
        (b"MODIFIED 7,9:12", "Modified([(7, 7), (9, 12)])"),
        (b"MODIFIED", "Other { name: \"MODIFIED\", rest: \"\" }"),
        (b"modified 1", "Modified([(1, 1)])"),
        (b"MODIFIED 1 2", "Other { name: \"MODIFIED\", rest: \"1 2\" }"),
    ];
    for (code, expected) in cases {
        let Event::Status(status) = heard(&[b"* OK [", code, b"] text\r\n"].concat()) else {
            panic!()
        };
        let code_found = status.code.as_ref().unwrap();
        assert_eq!(format!("{code_found:?}"), expected, "{}", code.escape_ascii());
        let name = code.split(|&octet| octet == b' ').next().unwrap().to_ascii_uppercase();
        // Two names share one type, and METADATA has four.
        if !name.starts_with(b"ANNOT") && !name.starts_with(b"METADATA") {
            assert_eq!(code_found.name().to_ascii_uppercase().as_bytes(), name);
        }
        assert_eq!(status.text(), "text");
    }
}
