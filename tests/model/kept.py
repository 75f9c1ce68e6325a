"""Scenarios that once failed, and what was wrong; each is played in every run of the tests."""

KEPT = {
    "an echo that a later write overtook was written over again": "create-sfa:a::::0;edit-ma:a:phone:03-1111-2222:"
    "0355556666:5;edit-both:a:country:Japan:Japan:0;edit-both:a:source:Target List:Target List:20;"
    "edit-sfa:a:last_name:鈴木:佐藤:0;edit-ma:a:company:甲社:甲社:0",
    "a False on its way undid an opt-out": "create-sfa:a::::60;create-sfa:b::::150;edit-ma:a:industry:製造:IT:0;"
    "create-ma:b::::20;merge-sfa:b::::5;edit-sfa:b:industry::製造:0;restore-sfa:a::::0;opt-out-ma:b::::60",
    "two leads wrote to one contact, which a merge had given a second address": "create-ma:a::::0;create-sfa:b::::150;"
    "qualify:a::::0;create-ma:b::::0;merge-ma:a::::600;edit-ma:a:job_title:学生:学生:60",
    "two leads wrote to one record, whose address somebody had just changed": "create-ma:a::::5;create-sfa:b::::0;"
    "qualify:a::::150;address-sfa:b::of-a::0;opt-out-sfa:a::::60;delete-ma:a::::150;stage:b::Qualified::60;"
    "opt-in-sfa:a::::5;edit-sfa:a:source:Target List:Target List:0;stage:b::Recycled::150;restore-sfa:a::::0;"
    "merge-sfa:b::::60",
    "a write that landed before a deletion was taken in after it": "create-sfa:a::::0;create-sfa:b::::400;"
    "edit-ma:a:country:Japan:Japan:0;delete-sfa:a::::0;edit-both:b:industry::製造:150;edit-ma:b:last_name:鈴木:佐藤:20",
    "an opt-out in a duplicate didn't reach the record that is written to": "create-sfa:a::::400;create-sfa:a::::400;"
    "opt-out-sfa:a::::0",
    "two leads that are one both wrote, which was taken for a loop": "create-sfa:a::::0;create-sfa:b::::400;"
    "edit-both:b:last_name:山田:山田:400;merge-sfa:a::::400;swap-ma:b::::0;edit-both:a:phone:+81 3-3333-4444:03-1111-2222:0;"
    "edit-ma:b:industry::IT:400;opt-out-sfa:a::::60;edit-ma:b:job_title:学生:学生:0;address-ma:b::new::60;"
    "edit-both:b:industry::製造:150",
    "a write that was planned before somebody's record was known was taken for a loop": "create-ma:a::::60;"
    "create-ma:b::::0;qualify:a::::20;stage:b::Working - Contacted::400;delete-ma:b::::5;create-sfa:a::::5;"
    "edit-ma:b:job_title:課長:課長:20;address-ma:a::of-b::0;owner-sfa:b::suzuki@sandbox.example::0;merge-ma:b::::5",
    "the company differed after a conversion beside a second record": "create-ma:a::::0;create-sfa:b::::5;qualify:a::::0;"
    "restore-sfa:a::::5;edit-both:b:source:Target List:Target List:150;address-ma:a::of-b::0;"
    "edit-sfa:a:job_title:部長:学生:0;convert:b::::60;opt-out-ma:a::::60;address-sfa:b::new::60;opt-out-sfa:b::::0",
    "writing to a contact that was merged away unread had no end": "create-sfa:a::::0;create-sfa:b::::0;"
    "owner-sfa:a::sato@sandbox.example::150;qualify:a::::5;owner-sfa:b::tanaka@sandbox.example::0;"
    "edit-both:a:source:Target List:web:20;merge-ma:a::::150;owner-ma:a::sato@sandbox.example::60;"
    "edit-sfa:b:job_title::課長:20",
    "marketing followed two owners in turn, which was taken for a loop": "create-ma:a::::150;create-ma:b::::150;"
    "qualify:a::::5;edit-sfa:b:source:Target List:web:60;delete-sfa:a::::400;merge-ma:b::::20;convert:b::::150;"
    "address-sfa:a::of-b::0;restore-sfa:a::::5;opt-out-sfa:b::::400;convert:b::::400",
    "a person was to be made of an opt-out alone while its company was asked": "found-ma:p::of-p::5;"
    "found-sfa:p::none::400;create-ma:a::::150;create-sfa:b::::5;move-ma:b::q::400;found-ma:q::www-p::5;opt-out-sfa:b::::0",
    "a company held the value of an account that stood for it no longer": "found-ma:p::of-p::0;found-sfa:p::of-q::0;"
    "create-ma:a::::20;create-sfa:b::::60;found-sfa:q::of-p::0;firm-sfa:q:company_industry:Retail:Retail:60;"
    "firm-sfa:q:company_phone:03-1111-2222:03-1111-2222:0;site-sfa:p::www-p::20",
    "an account that left a company before that had heard of it stayed there": "found-ma:p::of-p::0;found-sfa:p::of-p::60;"
    "create-ma:a::::150;create-sfa:b::::20;move-sfa:a::p::400;edit-sfa:a:industry:IT::0;"
    "firm-ma:p:company_industry:Retail:Retail:150;qualify:a::::150;site-sfa:p::of-q::60",
    "an account that was deleted and restored at once was taken for gone": "found-ma:p::www-p::0;found-sfa:p::of-q::0;"
    "create-ma:a::::400;create-sfa:b::::0;close-sfa:p::::0;convert:a::::5;found-ma:p::of-p::150;move-ma:a::p::0;"
    "reopen-sfa:p::::0;merge-sfa:b::::150",
    "an opt-out was lost in a contact that was gone before anybody read it": "create-ma:a::::150;create-ma:b::::150;"
    "qualify:a::::0;edit-ma:a:country:Japan:Japan:60;edit-ma:b:source:web:Target List:0;"
    "edit-both:a:job_title:学生:学生:400;opt-out-ma:a::::60;delete-ma:a::::20;delete-sfa:b::::0;address-ma:b::of-a::20;"
    "restore-sfa:b::::150;merge-sfa:b::::5",
    "a merged record that was taken out of the bin belonged to nobody": "create-sfa:a::::0;create-sfa:b::::5;"
    "merge-sfa:b::::400;restore-sfa:a::::400;create-sfa:a::::0",
    "a write over what was read before it was taken for a loop": "create-ma:a::::0;create-sfa:b::::20;qualify:a::::0;"
    "edit-ma:a:last_name:山田:佐藤:150;delete-ma:b::::5;edit-ma:b:country:Japan:Japan:400;"
    "edit-both:b:job_title:学生:部長:400;create-sfa:a::::400;stage:b::Working - Contacted::0;"
    "edit-sfa:a:source:web:Target List:0;merge-ma:b::::0;stage:b::Recycled::0;delete-ma:b::::150;merge-sfa:a::::0",
}
